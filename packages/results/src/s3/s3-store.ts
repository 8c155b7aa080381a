import { randomUUID } from 'node:crypto';
import { isBatchId, toError } from '@fetchfleet/crawl';
import { ResultsNotFoundError, ResultsUnreadableError } from '../folder/errors.ts';
import { type Manifest, MAX_MANIFEST_BYTES, parseManifest } from '../folder/manifest.ts';
import { NOT_OURS, type StoredBatch } from '../folder/stored-batches.ts';
import { SinkError } from '../sink/sink.ts';
import type { CheckedOut, CheckOutOptions, Examination, ResultsStore } from '../store/store.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import { parseS3Address } from './address.ts';
import { Bucket, type Listed } from './bucket.ts';
import { copyBatch } from './check-out.ts';
import { createClient, type Environment } from './client.ts';
import { S3Failure, unconditional } from './failure.ts';
import { isPartName, S3Layout } from './layout.ts';
import { S3Marker } from './marker.ts';
import { S3Sink } from './s3-sink.ts';

export interface S3StoreOptions {
  /** `s3://BUCKET/PREFIX`. */
  readonly url: string;
  /** Where AWS_REGION and AWS_ENDPOINT_URL are looked for. */
  readonly env: Environment;
  /** How long a connection may be silent. @default 30 s */
  readonly idleTimeoutMs?: number;
}

/** Manifests that are read at once. */
const CONCURRENT_READS = 16;

/** A prefix in a bucket of S3, or of a server that speaks like it. */
export class S3Store implements ResultsStore {
  readonly location: string;
  readonly #bucket: Bucket;
  readonly #layout: S3Layout;

  /** @throws S3AddressError */
  constructor({ url, env, idleTimeoutMs }: S3StoreOptions) {
    const address = parseS3Address(url);
    this.#bucket = new Bucket(createClient(env, idleTimeoutMs), address.bucket);
    this.#layout = new S3Layout(address);
    this.location = this.#bucket.addressOf(address.path).replace(/\/$/u, '');
  }

  sink(options: SinkOptions): S3Sink {
    return new S3Sink(this.#bucket, this.#layout, options);
  }

  async probe(): Promise<void> {
    await new S3Marker(this.#bucket, this.#layout.marker).open();
  }

  async examine(): Promise<Examination> {
    const marker = new S3Marker(this.#bucket, this.#layout.marker);
    const key = `${this.#layout.root}.probe-${randomUUID()}`;
    try {
      const id = await marker.find();
      const startedAt = performance.now();
      await this.#bucket.create(key, Buffer.from('probe\n'));
      const writeMs = performance.now() - startedAt;
      const isReplaced = await this.#bucket.create(key, Buffer.from('probe\n'));
      await this.#bucket.remove([key]);
      if (isReplaced) {
        throw unconditional();
      }
      return { id, writeMs };
    } catch (error) {
      // The reason alone: a logger would write the message of a cause once more.
      throw new SinkError('write and remove', this.#bucket.addressOf(key), toError(error).message);
    }
  }

  async batches(): Promise<string[]> {
    return this.#reading(this.#layout.root, async () => {
      const found: string[] = [];
      let group: string[] = [];
      const look = async (): Promise<void> => {
        const manifests = await Promise.all(group.map(async (id) => this.#readManifest(id)));
        found.push(...group.filter((_, at) => manifests[at] !== undefined));
        group = [];
      };
      for await (const id of this.#bucket.folders(this.#layout.root)) {
        if (isBatchId(id) && group.push(id) >= CONCURRENT_READS) {
          await look();
        }
      }
      await look();
      return found;
    });
  }

  async manifest(batch: string): Promise<Manifest | undefined> {
    const key = this.#layout.manifest(batch);
    return this.#reading(key, async () => this.#readManifest(batch));
  }

  async measure(batch: string): Promise<StoredBatch | undefined> {
    const objects = await this.#objects(batch);
    if (objects.length === 0) {
      return undefined;
    }
    return {
      batch,
      bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
      changedAt: objects.reduce((latest, { changedAt }) => Math.max(latest, changedAt), 0),
    };
  }

  async remove(batch: string): Promise<string | undefined> {
    const objects = await this.#objects(batch);
    if (objects.length === 0) {
      return undefined;
    }
    const folder = this.#layout.folder(batch);
    return this.#reading(
      folder,
      async () => {
        if ((await this.#readManifest(batch)) === undefined) {
          return NOT_OURS;
        }
        const manifest = this.#layout.manifest(batch);
        const keys = objects.map(({ key }) => key);
        const parts = keys.filter((key) => isPartName(key.slice(folder.length)));
        await this.#bucket.remove(parts);
        // While it is there, an interrupted removal can go on.
        await this.#bucket.remove([manifest]);
        return keys.length > parts.length + 1 ? NOT_OURS : undefined;
      },
      'remove',
    );
  }

  async inPlace(): Promise<undefined> {
    return undefined;
  }

  async checkOut(batch: string, options: CheckOutOptions = {}): Promise<CheckedOut> {
    const objects = await this.#objects(batch, options.signal);
    if (objects.length === 0) {
      const where = this.#bucket.addressOf(this.#layout.folder(batch));
      throw new ResultsNotFoundError(`there are no results in ${where}`);
    }
    const folder = this.#layout.folder(batch);
    const manifest = await this.#reading(folder, async () => this.#readManifest(batch));
    return copyBatch({ ...options, bucket: this.#bucket, folder, batch, objects, manifest });
  }

  async #readManifest(batch: string): Promise<Manifest | undefined> {
    const key = this.#layout.manifest(batch);
    const text = await this.#bucket.read(key, MAX_MANIFEST_BYTES);
    return text && parseManifest(text.toString('utf8'), batch);
  }

  /** Everything that is stored for a batch, in order of its keys. */
  async #objects(batch: string, signal?: AbortSignal): Promise<Listed[]> {
    const folder = this.#layout.folder(batch);
    return this.#reading(
      folder,
      async () => {
        signal?.throwIfAborted();
        const found: Listed[] = [];
        for await (const object of this.#bucket.list(folder, { signal })) {
          found.push(object);
        }
        return found;
      },
      'read',
      signal,
    );
  }

  /** Runs something. Its errors name what it is about. */
  async #reading<T>(
    key: string,
    action: () => Promise<T>,
    verb: 'read' | 'remove' = 'read',
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      return await action();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof S3Failure)) {
        throw error;
      }
      const where = this.#bucket.addressOf(key);
      throw new ResultsUnreadableError(`cannot ${verb} ${where}: ${error.message}`, {
        cause: error,
      });
    }
  }
}
