import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { ResultsChangedError, ResultsUnreadableError, systemErrorCode } from '../folder/errors.ts';
import { batchFolder, manifestPath } from '../folder/layout.ts';
import { formatManifest, type Manifest } from '../folder/manifest.ts';
import type { CheckedOut, CheckOutOptions } from '../store/store.ts';
import { makeTemporaryCopy } from '../store/temporary-copy.ts';
import type { Bucket, Listed } from './bucket.ts';
import { isMissing, toFailure } from './failure.ts';
import { isPartName } from './layout.ts';

/** Each one has a connection, and some 300 KiB of memory. */
const CONCURRENT_COPIES = 8;
/** The SDK repeats requests, but not one whose content breaks off. */
const ATTEMPTS = 3;

export interface BatchCopy extends CheckOutOptions {
  readonly bucket: Bucket;
  readonly batch: string;
  /** What the keys of the batch begin with. */
  readonly folder: string;
  /** All objects of the batch. */
  readonly objects: readonly Listed[];
  readonly manifest: Manifest | undefined;
}

/** Copies the parts of a batch into a temporary results folder, as plain files. */
export async function copyBatch(copy: BatchCopy): Promise<CheckedOut> {
  const temporary = await makeTemporaryCopy().catch((error: unknown) => {
    throw explained(error, tmpdir(), copy);
  });
  try {
    const skipped = await fill(temporary.dir, copy);
    return {
      dir: temporary.dir,
      skipped,
      [Symbol.asyncDispose]: async () => temporary[Symbol.asyncDispose](),
    };
  } catch (error) {
    await temporary[Symbol.asyncDispose]();
    copy.signal?.throwIfAborted();
    throw explained(error, temporary.dir, copy);
  }
}

async function fill(dir: string, copy: BatchCopy): Promise<string[]> {
  const { batch, folder, objects, manifest } = copy;
  const target = batchFolder(dir, batch);
  await mkdir(target);
  if (manifest !== undefined) {
    await writeFile(manifestPath(target), formatManifest(manifest));
  }
  const parts = objects.filter(({ key }) => isPartName(key.slice(folder.length)));
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const copier = new PartCopier(copy, (bytes) => {
    done += bytes;
    copy.onProgress?.(done, total);
  });
  const names = new Set(parts.map(({ key }) => key.slice(folder.length)));
  const queue = parts.values();
  const failed = new AbortController();
  const work = async (): Promise<void> => {
    for (const { key } of queue) {
      failed.signal.throwIfAborted();
      await copier.copy(key, join(target, plainName(key.slice(folder.length), names)));
    }
  };
  const workers = Array.from({ length: CONCURRENT_COPIES }, async () =>
    work().catch((error: unknown) => {
      failed.abort(error);
    }),
  );
  // All have to end before the folder is removed.
  await Promise.all(workers);
  failed.signal.throwIfAborted();
  return copier.skipped.toSorted();
}

/** The name of the part without its compression, unless there is such a part as well. */
function plainName(name: string, names: ReadonlySet<string>): string {
  const plain = name.replace(/\.zst$/u, '');
  return plain !== name && names.has(plain) ? plain.replace(/\.ndjson$/u, '-0.ndjson') : plain;
}

class PartCopier {
  /** One sentence for each part that could not be copied whole. */
  readonly skipped: string[] = [];
  readonly #copy: BatchCopy;
  readonly #count: (bytes: number) => void;

  constructor(copy: BatchCopy, count: (bytes: number) => void) {
    this.#copy = copy;
    this.#count = count;
  }

  async copy(key: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      let counted = 0;
      try {
        await this.#download(key, path, (bytes) => {
          counted += bytes;
          this.#count(bytes);
        });
        return;
      } catch (error) {
        this.#copy.signal?.throwIfAborted();
        if (attempt >= ATTEMPTS || isOfDisk(error) || isMissing(toFailure(error))) {
          this.#giveUp(key, error);
          return;
        }
        this.#count(-counted);
      }
    }
  }

  async #download(key: string, path: string, count: (bytes: number) => void): Promise<void> {
    const { bucket, signal } = this.#copy;
    const { body } = await bucket.open(key, signal);
    const counted = counting(body, count);
    const file = createWriteStream(path);
    await (key.endsWith('.zst')
      ? pipeline(counted, createZstdDecompress(), file, { signal })
      : pipeline(counted, file, { signal }));
  }

  /** What could be read of an object that is damaged is used: that may be whole records. */
  #giveUp(key: string, error: unknown): void {
    const where = this.#copy.bucket.addressOf(key);
    if (isOfContent(error)) {
      this.skipped.push(`${where} is damaged: it does not end as zstd content does`);
      return;
    }
    if (isOfDisk(error)) {
      throw error;
    }
    const failure = toFailure(error);
    throw isMissing(failure)
      ? new ResultsChangedError(`${where} disappeared while it was read`, { cause: failure })
      : new ResultsUnreadableError(`cannot read ${where}: ${failure.message}`, { cause: failure });
  }
}

async function* counting(body: Readable, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}

/** Errors of zlib, which has no codes of the system. */
function isOfContent(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' && /^(?:ZSTD_|Z_|ERR_ZSTD)/u.test(code);
}

/** Connections have errors of the system as well, of `connect`, `read` and `write`. */
function isOfDisk(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code !== undefined && !/^(?:ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|ENOTFOUND)/u.test(code);
}

function explained(error: unknown, dir: string, { batch }: BatchCopy): unknown {
  if (!isOfDisk(error)) {
    return error;
  }
  const isFull = ['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '');
  const reason = isFull
    ? 'the disk is full'
    : `the file system refused (${systemErrorCode(error)})`;
  return new ResultsUnreadableError(
    `cannot copy ${batch} to ${dir}: ${reason}; TMPDIR names a folder with more room`,
    { cause: error },
  );
}
