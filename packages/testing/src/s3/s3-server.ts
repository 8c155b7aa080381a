import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { track } from '../resources/registry.ts';
import {
  ACCESS_KEY,
  damageOf,
  errorAnswer,
  keptHeaders,
  type S3Answer,
  SECRET_KEY,
  unescapeXml,
  xmlAnswer,
} from './s3-answer.ts';
import { type S3Fault, S3Faults, type S3Request } from './s3-faults.ts';
import { listAnswer } from './s3-listing.ts';
import { type S3Object, S3Objects } from './s3-objects.ts';
import { S3Uploads } from './s3-uploads.ts';

export interface S3ServerOptions {
  /** @default any that is free */
  readonly port?: number;
  /** Where objects outlive the server. @default in memory only */
  readonly folder?: string;
  /** Most entries in a page of a listing. @default 1,000 */
  readonly pageSize?: number;
  /** Writes as if a request had no condition, as some servers do. @default false */
  readonly ignoresConditions?: boolean;
}

/** The only bucket there is. */
const BUCKET = 'fleet';

/**
 * A small S3 on 127.0.0.1 over HTTP, with one bucket, `fleet`: objects with conditions and
 * checksums, listings in pages, uploads in parts; and with faults.
 */
export class S3Server {
  readonly bucket = BUCKET;
  /** What clients did, oldest first. */
  readonly requests: S3Request[] = [];
  readonly #objects: S3Objects;
  readonly #uploads = new S3Uploads();
  readonly #faults = new S3Faults();
  readonly #server: Server;
  readonly #pageSize: number;
  readonly #ignoresConditions: boolean;

  constructor({ folder, pageSize = 1000, ignoresConditions = false }: S3ServerOptions) {
    this.#objects = new S3Objects(folder);
    this.#pageSize = pageSize;
    this.#ignoresConditions = ignoresConditions;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a client needs to find it. */
  get env(): Readonly<Record<string, string>> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      AWS_REGION: 'us-east-1',
    };
  }

  /** Keys of all objects that begin so. */
  keys(prefix = ''): string[] {
    const start = `${BUCKET}/${prefix}`;
    const ids = this.#objects.ids().filter((id) => id.startsWith(start));
    return ids.map((id) => id.slice(BUCKET.length + 1));
  }

  object(key: string): S3Object | undefined {
    return this.#objects.get(`${BUCKET}/${key}`);
  }

  put(key: string, body: Buffer | string): void {
    this.#objects.put(`${BUCKET}/${key}`, Buffer.from(body));
  }

  delete(key: string): void {
    this.#objects.delete(`${BUCKET}/${key}`);
  }

  /** Uploads in parts that are neither complete nor aborted. */
  get openUploads(): number {
    return this.#uploads.size;
  }

  /** @returns what ends the fault */
  fail(fault: S3Fault): () => void {
    return this.#faults.add(fault);
  }

  get isOpen(): boolean {
    return this.#server.listening;
  }

  async dispose(): Promise<void> {
    if (this.#server.listening) {
      this.#server.close();
      this.#server.closeAllConnections();
      await once(this.#server, 'close');
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const [, bucket = '', key = ''] =
      /^\/([^/]*)\/?(.*)$/su.exec(decodeURIComponent(url.pathname)) ?? [];
    const seen = { method: request.method ?? '', key, query: url.search.slice(1) };
    this.requests.push(seen);
    const body = await buffer(request).catch(() => undefined); // the client went away
    if (body === undefined) {
      return;
    }
    const fault = this.#faults.take(seen);
    const isDone = fault === undefined || fault.isDone === true || isBent(fault);
    const received = fault?.with === 'flip' && seen.method === 'PUT' ? flipped(body) : body;
    const answer = isDone
      ? this.#answer({ request, bucket, key, query: url.searchParams, body: received })
      : undefined;
    send(response, spoiled(answer, fault), request.method === 'HEAD');
  }

  #answer(call: Call): S3Answer {
    const { request, bucket, key, query, body } = call;
    if (bucket !== BUCKET) {
      return errorAnswer(404, 'NoSuchBucket');
    }
    if (request.headers.authorization?.includes(`Credential=${ACCESS_KEY}/`) !== true) {
      return errorAnswer(403, 'InvalidAccessKeyId');
    }
    const damage = damageOf(body, request);
    if (damage !== undefined) {
      return damage;
    }
    if (key === '') {
      return request.method === 'POST'
        ? this.#deleteMany(body.toString())
        : listAnswer(this.#objects, bucket, query, this.#pageSize);
    }
    return query.has('uploads') || query.has('uploadId')
      ? this.#uploadPart(call)
      : this.#object(call);
  }

  #object({ request, bucket, key, body }: Call): S3Answer {
    const id = `${bucket}/${key}`;
    if (request.method === 'PUT') {
      const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = request.headers;
      if (!this.#ignoresConditions && !this.#objects.meets(id, { ifNoneMatch, ifMatch })) {
        return errorAnswer(412, 'PreconditionFailed');
      }
      return {
        status: 200,
        headers: { etag: this.#objects.put(id, body, keptHeaders(request)).etag },
      };
    }
    if (request.method === 'DELETE') {
      this.#objects.delete(id);
      return { status: 204 };
    }
    const object = this.#objects.get(id);
    if (object === undefined) {
      return errorAnswer(404, 'NoSuchKey');
    }
    const headers = { ...object.headers, etag: object.etag };
    return { status: 200, headers, body: object.body };
  }

  #uploadPart({ request, bucket, key, query, body }: Call): S3Answer {
    const id = `${bucket}/${key}`;
    const upload = query.get('uploadId') ?? '';
    if (request.method === 'PUT') {
      return this.#uploads.addPart(upload, Number(query.get('partNumber')), body);
    }
    if (request.method === 'DELETE') {
      return this.#uploads.abort(upload);
    }
    return query.has('uploads')
      ? this.#uploads.begin(id, keptHeaders(request))
      : this.#uploads.complete(upload, body.toString(), this.#objects);
  }

  #deleteMany(body: string): S3Answer {
    for (const [, key = ''] of body.matchAll(/<Key>(.*?)<\/Key>/gsu)) {
      this.#objects.delete(`${BUCKET}/${unescapeXml(key)}`);
    }
    return xmlAnswer('<DeleteResult></DeleteResult>');
  }
}

interface Call {
  readonly request: IncomingMessage;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

function isBent(fault: S3Fault): boolean {
  return fault.with === 'half' || fault.with === 'flip';
}

/** The answer that a fault leaves of one, or what else happens to the connection. */
function spoiled(
  answer: S3Answer | undefined,
  fault: S3Fault | undefined,
): S3Answer | 'cut' | 'silence' | { readonly half: S3Answer } {
  if (fault === undefined || answer?.body === undefined) {
    const seen = fault?.with;
    if (seen === 'cut' || seen === 'silence') {
      return seen;
    }
    return typeof seen === 'object' ? errorAnswer(seen.status, seen.code) : (answer ?? 'cut');
  }
  if (fault.with === 'half') {
    return { half: answer };
  }
  if (fault.with === 'flip') {
    // Of a request with a content it is that which was changed.
    return answer.status === 200 ? { ...answer, body: flipped(Buffer.from(answer.body)) } : answer;
  }
  return spoiled(undefined, fault);
}

/** With another bit in its middle. */
function flipped(bytes: Buffer): Buffer {
  const body = Buffer.from(bytes);
  body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
  return body;
}

function send(response: ServerResponse, answer: ReturnType<typeof spoiled>, isHead: boolean): void {
  if (answer === 'silence') {
    return;
  }
  if (answer === 'cut') {
    response.destroy();
    return;
  }
  const { status, headers = {}, body = '' } = 'half' in answer ? answer.half : answer;
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  if ('half' in answer) {
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
    return;
  }
  response.end(isHead ? undefined : bytes);
}

/** Starts a small S3 that the leak guard stops. */
export async function startS3(options: S3ServerOptions = {}): Promise<S3Server> {
  const server = new S3Server(options);
  await server.listen(options.port);
  const { url } = server;
  track({ what: `S3 at ${url}`, isOpen: () => server.isOpen, close: async () => server.dispose() });
  return server;
}
