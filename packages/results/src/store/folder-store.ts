import { batchFolder, listParts } from '../folder/layout.ts';
import { type Manifest, readManifest } from '../folder/manifest.ts';
import {
  measureBatch,
  removeBatch,
  type StoredBatch,
  storedBatches,
} from '../folder/stored-batches.ts';
import { FileSink } from '../sink/file-sink.ts';
import { probeResults } from '../sink/probe-results.ts';
import type { CheckedOut, ResultsStore, SinkOptions } from './store.ts';

/** A results folder on this machine. */
export class FolderStore implements ResultsStore {
  /** Absolute path. */
  readonly location: string;

  constructor(dir: string) {
    this.location = dir;
  }

  sink(options: SinkOptions): FileSink {
    return new FileSink({ ...options, dir: this.location });
  }

  async probe(): Promise<void> {
    await probeResults(this.location);
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

  async checkOut(batch: string): Promise<CheckedOut> {
    await listParts(batchFolder(this.location, batch));
    return { dir: this.location, [Symbol.asyncDispose]: async () => undefined };
  }
}
