import type { RecordLine } from '@fetchfleet/crawl';
import { assertWorkerId, type Compression } from '../folder/layout.ts';
import type { Manifest } from '../folder/manifest.ts';
import { BatchWriter } from './batch-writer.ts';
import type { FlushEvent } from './group-commit.ts';
import { ResultsRoot } from './results-root.ts';
import { type Sink, SinkError } from './sink.ts';

const GIBIBYTE = 1024 ** 3;

/**
 * Writers kept per open part. A writer whose file is closed takes little memory, and a later append
 * to its batch continues the same part.
 */
const WRITERS_PER_OPEN_PART = 16;

export interface FileSinkOptions {
  /** Results folder. All workers of a machine can share it. */
  readonly dir: string;
  /** Id of the worker; part of the file names. */
  readonly worker: string;
  /**
   * Called before the first part of a batch is created, and again while `total` is 0. Its errors
   * reject the append.
   */
  readonly manifest: (batch: string) => Promise<Manifest>;
  /** Of the parts. @default 'none' */
  readonly compression?: Compression;
  /** Size in bytes at which the next part begins, as it is on disk. @default 1 GiB */
  readonly maxPartBytes?: number;
  /** Idle files kept open. @default 64 */
  readonly maxOpenParts?: number;
  /** Called after each successful flush. */
  readonly observe?: (event: FlushEvent) => void;
}

/** Appends records to NDJSON parts. Appends during an `fdatasync` share the next one. */
export class FileSink implements Sink {
  readonly #options: Required<FileSinkOptions>;
  readonly #root: ResultsRoot;
  /** Least recently used first. */
  readonly #writers = new Map<string, BatchWriter>();
  #isStopped = false;

  constructor(options: FileSinkOptions) {
    assertWorkerId(options.worker);
    this.#options = {
      compression: 'none',
      maxPartBytes: GIBIBYTE,
      maxOpenParts: 64,
      observe: () => undefined,
      ...options,
    };
    this.#root = new ResultsRoot(options.dir);
  }

  /**
   * Opens the results folder, which is created if it is missing. The sink then writes to this
   * folder alone: it fails while another one is at its path.
   *
   * @throws SinkError
   */
  async start(): Promise<void> {
    await this.#root.open();
  }

  /** Random id in the marker of the results folder; undefined before {@link start}. */
  get id(): string | undefined {
    return this.#root.id;
  }

  /** @throws SinkError unless the folder at the path is the one that was opened */
  async assertSame(): Promise<void> {
    await this.#root.assertSame();
  }

  async append(batch: string, lines: readonly RecordLine[]): Promise<void> {
    if (this.#isStopped) {
      throw new SinkError('append to', this.#options.dir, 'the sink is stopped');
    }
    if (lines.length === 0) {
      return;
    }
    const writer = this.#writer(batch);
    try {
      await writer.append(lines);
    } finally {
      await this.#closeIdle();
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#writers.values()].map((writer) => writer.release()));
  }

  #writer(batch: string): BatchWriter {
    const root = this.#root;
    const known = this.#writers.get(batch);
    const writer = known ?? new BatchWriter({ ...this.#options, root, batch });
    this.#writers.delete(batch);
    this.#writers.set(batch, writer);
    return writer;
  }

  /** Closes the least recently used files; drops writers if there are too many of them as well. */
  async #closeIdle(): Promise<void> {
    const { maxOpenParts } = this.#options;
    let open = [...this.#writers.values()].filter((writer) => writer.isOpen).length;
    for (const [batch, writer] of this.#writers) {
      const isTooMany = this.#writers.size > maxOpenParts * WRITERS_PER_OPEN_PART;
      if (open <= maxOpenParts && !isTooMany) {
        return;
      }
      if (!writer.isIdle) {
        continue;
      }
      if (isTooMany) {
        this.#writers.delete(batch);
      }
      if (!writer.isOpen) {
        continue;
      }
      open -= 1;
      await writer.release();
    }
  }
}
