import { BatchWriter } from './batch-writer.ts';
import type { FlushEvent } from './batch-writer.ts';
import { assertWorkerId } from '../folder/layout.ts';
import type { Manifest } from '../folder/manifest.ts';
import { SinkError } from './sink-error.ts';
import type { Sink } from './sink.ts';

const GIBIBYTE = 1024 ** 3;

/** A closed writer is small; it is kept so that a batch that comes back goes on in its part. */
const REMEMBERED_PER_OPEN = 16;

export interface FileSinkOptions {
  /** Results folder, shared by all workers of the machine. */
  readonly dir: string;
  /** Id of the worker; becomes part of file names. */
  readonly worker: string;
  /** Asked before the first part of a batch is created, and again while `total` is 0. Its errors reject the append. */
  readonly manifest: (batch: string) => Promise<Manifest>;
  /** A part that has reached this size is followed by the next one. @default 1 GiB */
  readonly maxPartBytes?: number;
  /** Files kept open while nothing is written to them. @default 64 */
  readonly maxOpenParts?: number;
  /** Told of each flush after it succeeded. */
  readonly observe?: (event: FlushEvent) => void;
}

/** Appends records to NDJSON parts in a folder: one `fdatasync` for all that arrives while the last one runs. */
export class FileSink implements Sink {
  readonly #options: Required<FileSinkOptions>;
  /** Least recently used first. */
  readonly #writers = new Map<string, BatchWriter>();
  #isStopped = false;

  constructor(options: FileSinkOptions) {
    assertWorkerId(options.worker);
    this.#options = {
      maxPartBytes: GIBIBYTE,
      maxOpenParts: 64,
      observe: () => undefined,
      ...options,
    };
  }

  async append(batch: string, lines: readonly string[]): Promise<void> {
    if (this.#isStopped) throw new SinkError('append to', this.#options.dir, 'the sink is stopped');
    if (lines.some((line) => line.includes('\n'))) {
      throw new TypeError(`a record of batch ${batch} holds a line break`);
    }
    if (lines.length === 0) return;
    const writer = this.#writer(batch);
    try {
      await writer.append(lines);
    } finally {
      await this.#trim();
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#writers.values()].map((writer) => writer.release()));
  }

  #writer(batch: string): BatchWriter {
    const writer = this.#writers.get(batch) ?? new BatchWriter({ ...this.#options, batch });
    this.#writers.delete(batch);
    this.#writers.set(batch, writer);
    return writer;
  }

  /** Closes the files, and then forgets the writers, that were unused for the longest time. */
  async #trim(): Promise<void> {
    const { maxOpenParts } = this.#options;
    let open = [...this.#writers.values()].filter((writer) => writer.isOpen).length;
    for (const [batch, writer] of this.#writers) {
      const isTooMany = this.#writers.size > maxOpenParts * REMEMBERED_PER_OPEN;
      if (open <= maxOpenParts && !isTooMany) return;
      if (!writer.isIdle) continue;
      if (isTooMany) this.#writers.delete(batch);
      if (!writer.isOpen) continue;
      open -= 1;
      await writer.release();
    }
  }
}
