import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '../folder/errors.ts';
import {
  batchFolder,
  type Compression,
  hasCompressedParts,
  listParts,
  rootMarkerPath,
} from '../folder/layout.ts';
import { type Manifest, readManifest } from '../folder/manifest.ts';
import {
  measureBatch,
  removeBatch,
  type StoredBatch,
  storedBatches,
} from '../folder/stored-batches.ts';
import { FileSink } from '../sink/file-sink.ts';
import { probeResults } from '../sink/probe-results.ts';
import { readMarker } from '../sink/results-root.ts';
import { SinkError } from '../sink/sink.ts';
import { ThreadedSink } from '../thread/threaded-sink.ts';
import { expandParts } from './expanded-parts.ts';
import type { CheckedOut, CheckOutOptions, Examination, ResultsStore } from './store.ts';
import type { SinkOptions } from '../sink/sink-options.ts';

export interface FolderStoreOptions {
  /** Of the parts that its sinks write. It reads all parts. @default 'none' */
  readonly compression?: Compression;
}

/** A results folder on this machine. */
export class FolderStore implements ResultsStore {
  /** Absolute path. */
  readonly location: string;
  readonly #options: FolderStoreOptions;

  constructor(dir: string, options: FolderStoreOptions = {}) {
    this.location = dir;
    this.#options = options;
  }

  sink(options: SinkOptions): FileSink {
    return new FileSink({ ...options, ...this.#options, dir: this.location });
  }

  threadedSink(options: SinkOptions): ThreadedSink {
    return new ThreadedSink({ ...options, ...this.#options, dir: this.location });
  }

  async probe(): Promise<void> {
    await probeResults(this.location);
  }

  async examine(): Promise<Examination> {
    try {
      if (!(await exists(this.location))) {
        await assertCreatable(this.location);
        return { id: undefined, writeMs: undefined };
      }
      await probeResults(this.location); // the first one may find a disk asleep
      const startedAt = performance.now();
      await probeResults(this.location);
      const writeMs = performance.now() - startedAt;
      return { id: await readMarker(rootMarkerPath(this.location)), writeMs };
    } catch (error) {
      throw error instanceof SinkError
        ? error
        : new SinkError('write results to', this.location, error);
    }
  }

  async batches(): Promise<string[]> {
    return storedBatches(this.location);
  }

  async manifest(batch: string): Promise<Manifest | undefined> {
    return readManifest(this.location, batch);
  }

  async measure(batch: string): Promise<StoredBatch | undefined> {
    return measureBatch(this.location, batch);
  }

  async remove(batch: string): Promise<string | undefined> {
    return removeBatch(this.location, batch);
  }

  /** Plain parts are read where they are; nothing is copied unless there are compressed ones. */
  async inPlace(batch: string): Promise<readonly string[] | undefined> {
    const folder = batchFolder(this.location, batch);
    return (await hasCompressedParts(folder)) ? undefined : [this.location];
  }

  async checkOut(batch: string, options?: CheckOutOptions): Promise<CheckedOut> {
    const dirs = await this.inPlace(batch);
    if (dirs !== undefined) {
      return { dirs, [Symbol.asyncDispose]: async () => undefined };
    }
    const { compressed } = await listParts(batchFolder(this.location, batch));
    const copy = await expandParts(batch, compressed, options);
    return {
      dirs: [this.location, copy.dir],
      [Symbol.asyncDispose]: async () => copy[Symbol.asyncDispose](),
    };
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** Rejects if the next folder above that exists does not let this user create one in it. */
async function assertCreatable(path: string): Promise<void> {
  const parent = dirname(path);
  await ((await exists(parent))
    ? access(parent, constants.W_OK | constants.X_OK)
    : assertCreatable(parent));
}
