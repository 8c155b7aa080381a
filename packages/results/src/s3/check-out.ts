import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  CopyTooLargeError,
  ResultsChangedError,
  ResultsUnreadableError,
  systemErrorCode,
} from '../folder/errors.ts';
import { manifestPath } from '../folder/layout.ts';
import { formatManifest, type Manifest } from '../folder/manifest.ts';
import { findRegular } from '../folder/regular-file.ts';
import { expandFile } from '../store/expanded-parts.ts';
import type { CheckedOut, CheckOutOptions } from '../store/store.ts';
import { copyError, TemporaryCopy } from '../store/temporary-copy.ts';
import type { Bucket, Listed } from './bucket.ts';
import { isMissing, toFailure } from './failure.ts';
import { isPartName } from './layout.ts';

/** Each one has a connection, and a few MiB of memory. */
const CONCURRENT_COPIES = 8;
/** The SDK repeats requests, but not one whose content breaks off or was changed on its way. */
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

/**
 * Copies the parts of a batch into a temporary results folder, as plain files. In place of what
 * is damaged there is one line that every reader counts as torn.
 */
export async function copyBatch(options: BatchCopy): Promise<CheckedOut> {
  const copy = await TemporaryCopy.create(options.batch, { maxBytes: options.maxBytes });
  try {
    await fill(copy, options);
    return { dirs: [copy.dir], [Symbol.asyncDispose]: async () => copy[Symbol.asyncDispose]() };
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    options.signal?.throwIfAborted();
    throw error;
  }
}

async function fill(copy: TemporaryCopy, options: BatchCopy): Promise<void> {
  const { folder, objects, manifest } = options;
  if (manifest !== undefined) {
    const path = manifestPath(copy.folder);
    await writeFile(path, formatManifest(manifest)).catch((error: unknown) => {
      throw copyError(path, error);
    });
  }
  const parts = objects.filter(({ key }) => isPartName(key.slice(folder.length)));
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  copy.refuseLarger(total);
  let done = 0;
  const copier = new PartCopier(options, {
    count: (bytes) => {
      done += bytes;
      options.onProgress?.(done, total);
    },
    grow: (bytes) => copy.grow(bytes),
  });
  const names = new Set(parts.map(({ key }) => key.slice(folder.length)));
  const queue = parts.values();
  const failed = new AbortController();
  const work = async (): Promise<void> => {
    for (const { key } of queue) {
      failed.signal.throwIfAborted();
      await copier.copy(key, join(copy.folder, plainName(key.slice(folder.length), names)));
    }
  };
  const workers = Array.from({ length: CONCURRENT_COPIES }, async () =>
    work().catch((error: unknown) => failed.abort(error)),
  );
  // All have to end before the folder is removed.
  await Promise.all(workers);
  failed.signal.throwIfAborted();
}

/** The name of the part without its compression, unless there is such a part as well. */
function plainName(name: string, names: ReadonlySet<string>): string {
  const plain = name.replace(/\.zst$/u, '');
  return plain !== name && names.has(plain) ? plain.replace(/\.ndjson$/u, '-0.ndjson') : plain;
}

interface Counters {
  /** Bytes that were received; less than 0 where they are received again. */
  count(bytes: number): void;
  /** Bytes that are going to be written. */
  grow(bytes: number): void;
}

class PartCopier {
  readonly #options: BatchCopy;
  readonly #counters: Counters;

  constructor(options: BatchCopy, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
  }

  async copy(key: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= ATTEMPTS;
      let counted = 0;
      try {
        const isWhole = await this.#download(key, path, (bytes) => {
          counted += bytes;
          this.#counters.count(bytes);
        });
        if (isWhole || isLast) {
          return;
        }
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        if (isExplained(error)) {
          throw error;
        }
        if (isOfDisk(error)) {
          throw copyError(path, error);
        }
        if (isLast || isMissing(toFailure(error))) {
          throw this.#explained(key, error);
        }
      }
      this.#counters.count(-counted);
    }
  }

  /** @returns false if something of it is damaged */
  async #download(key: string, path: string, count: (bytes: number) => void): Promise<boolean> {
    const { bucket, signal } = this.#options;
    const { body } = await bucket.open(key, signal);
    const isCompressed = key.endsWith('.zst');
    const received = isCompressed ? `${path}.zst` : path;
    const onBytes = (bytes: number): void => {
      count(bytes);
      if (!isCompressed) {
        this.#counters.grow(bytes);
      }
    };
    await pipeline(counting(body, onBytes), createWriteStream(received), { signal });
    if (!isCompressed) {
      return true;
    }
    const isWhole = await expandFile(await findRegular(received), path, {
      signal,
      onWrite: (bytes) => this.#counters.grow(bytes),
    });
    await rm(received);
    return isWhole;
  }

  #explained(key: string, error: unknown): Error {
    const where = this.#options.bucket.addressOf(key);
    const failure = toFailure(error);
    return isMissing(failure)
      ? new ResultsChangedError(`${where} disappeared while it was read`, { cause: failure })
      : new ResultsUnreadableError(`cannot read ${where}: ${failure.message}`, { cause: failure });
  }
}

function isExplained(error: unknown): boolean {
  return [ResultsUnreadableError, ResultsChangedError, CopyTooLargeError].some(
    (known) => error instanceof known,
  );
}

async function* counting(body: Readable, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}

/** Connections have errors of the system as well, of `connect`, `read` and `write`. */
function isOfDisk(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code !== undefined && !/^(?:ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|ENOTFOUND)/u.test(code);
}
