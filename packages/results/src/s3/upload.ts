import { Transform, type Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { Upload } from '@aws-sdk/lib-storage';
import { parseS3Key } from './address.ts';
import { createClient, type Environment } from './client.ts';
import { toFailure } from './failure.ts';

/** Two parts are in flight, and one fills. S3 takes 10,000 of them: 312 GiB. */
const PART_BYTES = 32 * 1024 * 1024;
const PARTS_IN_FLIGHT = 2;
/** Whoever gives up does not wait for a server that is silent. */
const MAX_ABORT_MS = 10_000;

/** The object cannot be written now. Nothing is there that was not there before. */
export class S3UploadError extends Error {
  override readonly name = 'S3UploadError';
  readonly code = 'S3_UPLOAD_FAILED';
}

/** An object that is being written. It appears whole when it is finished, or not at all. */
export interface S3Upload {
  /** `s3://BUCKET/KEY`. */
  readonly location: string;
  /** Takes the content. Do not end it: {@link finish} does. */
  readonly out: Writable;
  /** @throws S3UploadError */
  finish(): Promise<void>;
  /**
   * Gives up, and has the server forget what it got.
   *
   * @returns why the upload had failed before, if it had
   */
  abort(): Promise<S3UploadError | undefined>;
}

/** By the ending of the key. A compressed object is a file: nobody has to decode it on the way. */
const TYPES: readonly (readonly [ending: string, type: string])[] = [
  ['.gz', 'application/gzip'],
  ['.zst', 'application/zstd'],
  ['.parquet', 'application/vnd.apache.parquet'],
  ['.ndjson', 'application/x-ndjson'],
  ['.jsonl', 'application/x-ndjson'],
  ['.csv', 'text/csv; charset=utf-8'],
  ['.json', 'application/json'],
];

/**
 * Begins to write an object, in parts if it is large.
 *
 * @param url `s3://BUCKET/KEY`
 * @param options.partBytes at least 5 MiB. S3 takes 10,000 parts. @default 32 MiB
 * @throws S3AddressError
 */
export function uploadTo(
  url: string,
  env: Environment,
  { partBytes = PART_BYTES }: { readonly partBytes?: number } = {},
): S3Upload {
  const { bucket, path } = parseS3Key(url);
  const location = `s3://${bucket}/${path}`;
  const client = createClient(env);
  const out = copying();
  const [, type = 'application/octet-stream'] =
    TYPES.find(([ending]) => path.endsWith(ending)) ?? [];
  let reason: S3UploadError | undefined;
  const fail = (error: unknown): S3UploadError => {
    reason ??= new S3UploadError(`${location} cannot be written: ${reasonOf(error)}`);
    return reason;
  };
  // Otherwise the other parts would still be read and sent.
  client.middlewareStack.add(
    (next) => async (args) =>
      next(args).catch((error: unknown) => {
        out.destroy(fail(error));
        throw error;
      }),
    { step: 'initialize', name: 'stopAtFirstFailure' },
  );
  const upload = new Upload({
    client,
    params: { Bucket: bucket, Key: path, Body: out, ContentType: type, ChecksumAlgorithm: 'CRC32' },
    partSize: partBytes,
    queueSize: PARTS_IN_FLIGHT,
  });
  const done = upload.done().then(
    () => undefined,
    (error: unknown) => {
      throw fail(error);
    },
  );
  done.catch((error: Error) => out.destroy(error)); // `finish` and `abort` tell
  return {
    location,
    out,
    finish: async () => {
      out.end();
      await done.finally(() => client.destroy());
    },
    abort: async () => {
      const failure = reason;
      out.destroy(new Error('the upload was given up'));
      await Promise.race([
        Promise.allSettled([done]),
        setTimeout(MAX_ABORT_MS, undefined, { ref: false }),
      ]);
      client.destroy();
      return failure;
    },
  };
}

/** Whoever writes may use its chunks again, and those of a part wait until it is full. */
function copying(): Transform {
  const out = new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk)),
  });
  out.on('error', () => undefined); // whoever writes gets it as well
  return out;
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('Exceeded')) {
    return 'it has more than 312 GiB; export to a file, and copy that';
  }
  return toFailure(error).message;
}
