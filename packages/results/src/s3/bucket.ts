import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { isMissing, S3Failure, toFailure, unconditional } from './failure.ts';

/** An object as a listing names it. */
export interface Listed {
  readonly key: string;
  readonly bytes: number;
  /** Epoch milliseconds. */
  readonly changedAt: number;
}

export interface ListOptions {
  /** Lists what is in this folder alone, and the folders in it by `folders`. @default false */
  readonly isFlat?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Most objects that one request removes. */
const MAX_DELETES = 1000;

/** The objects of a bucket. All methods throw an {@link S3Failure}. */
export class Bucket {
  readonly client: S3Client;
  readonly name: string;

  constructor(client: S3Client, name: string) {
    this.client = client;
    this.name = name;
  }

  /** Where an object is, as messages name it. */
  addressOf(key: string): string {
    return `s3://${this.name}/${key}`;
  }

  /**
   * Writes an object if there is none with its key.
   *
   * @returns false if there is one: it may be the same, of a request whose answer was lost
   */
  async create(key: string, body: Buffer): Promise<boolean> {
    try {
      await this.#put(key, body, { IfNoneMatch: '*' });
      return true;
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code === 'PreconditionFailed') {
        return false;
      }
      throw failure.code === 'NotImplemented' ? unconditional() : failure;
    }
  }

  /** Writes an object, and replaces what is there. */
  async put(key: string, body: Buffer): Promise<void> {
    await explained(this.#put(key, body, {}));
  }

  async #put(key: string, body: Buffer, condition: { readonly IfNoneMatch?: '*' }): Promise<void> {
    await this.client.send(
      new PutObjectCommand({
        Bucket: this.name,
        Key: key,
        Body: body,
        ChecksumAlgorithm: 'CRC32',
        ...condition,
      }),
    );
  }

  /** @returns undefined if there is no such object, or if it has more bytes */
  async read(key: string, maxBytes: number): Promise<Buffer | undefined> {
    try {
      const { body, bytes } = await this.open(key);
      if (bytes > maxBytes) {
        body.destroy();
        return undefined;
      }
      return await explained(buffer(body));
    } catch (error) {
      if (error instanceof S3Failure && isMissing(error)) {
        return undefined;
      }
      throw error;
    }
  }

  /** The stream fails with what is no {@link S3Failure}. */
  async open(
    key: string,
    abortSignal?: AbortSignal,
  ): Promise<{ readonly body: Readable; readonly bytes: number }> {
    const command = new GetObjectCommand({ Bucket: this.name, Key: key });
    const { Body, ContentLength = Infinity } = await explained(
      this.client.send(command, abortSignal && { abortSignal }),
    );
    if (!(Body instanceof Readable)) {
      throw new S3Failure('Error', 'the server answered without a content');
    }
    return { body: Body, bytes: ContentLength };
  }

  /** The objects whose keys begin with a prefix. */
  async *list(
    prefix: string,
    { signal, isFlat = false }: ListOptions = {},
  ): AsyncGenerator<Listed> {
    for await (const { Contents = [] } of this.#pages(prefix, isFlat, signal)) {
      for (const { Key = '', Size = 0, LastModified } of Contents) {
        yield { key: Key, bytes: Size, changedAt: LastModified?.getTime() ?? 0 };
      }
    }
  }

  /** What stands between a prefix and the next slash, for all keys that have one. */
  async *folders(prefix: string): AsyncGenerator<string> {
    for await (const { CommonPrefixes = [] } of this.#pages(prefix, true)) {
      for (const { Prefix = '' } of CommonPrefixes) {
        yield Prefix.slice(prefix.length, -1);
      }
    }
  }

  async *#pages(prefix: string, isFlat: boolean, abortSignal?: AbortSignal) {
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.name,
        Prefix: prefix,
        ...(isFlat && { Delimiter: '/' }),
        ...(token !== undefined && { ContinuationToken: token }),
      });
      const page = await explained(this.client.send(command, abortSignal && { abortSignal }));
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Removes objects. One that is not there counts as removed. */
  async remove(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += MAX_DELETES) {
      const Objects = keys.slice(at, at + MAX_DELETES).map((Key) => ({ Key }));
      const command = new DeleteObjectsCommand({
        Bucket: this.name,
        Delete: { Objects, Quiet: true },
      });
      const { Errors = [] } = await explained(this.client.send(command));
      const [first] = Errors;
      if (first !== undefined) {
        throw toFailure({ name: first.Code ?? 'Error' });
      }
    }
  }
}

async function explained<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw toFailure(error);
  }
}
