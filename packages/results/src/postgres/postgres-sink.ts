import { lineLength, type RecordLine } from '@fetchfleet/crawl';
import { assertBatchId, assertWorkerId } from '../folder/layout.ts';
import { type FlushEvent, GroupCommit, linesOf, type PendingAppend } from '../sink/group-commit.ts';
import type { Sink } from '../sink/sink.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import { bestRows } from './row/best-rows.ts';
import { ManifestError, PlaceWriter, type PlaceWriterOptions } from './place-writer.ts';

export interface PostgresSinkOptions extends SinkOptions, PlaceWriterOptions {}

/**
 * Writes records to a table of PostgreSQL. Appends that arrive during a flush share the next one,
 * whatever their batches, and resolve when its transaction is on disk.
 */
export class PostgresSink implements Sink {
  /** A commit takes a few milliseconds however many rows it has. */
  readonly gathering = { ms: 100, bytes: 1024 * 1024 };
  readonly #writer: PlaceWriter;
  readonly #commits: GroupCommit;
  #isStopped = false;

  constructor(options: PostgresSinkOptions) {
    assertWorkerId(options.worker);
    this.#writer = new PlaceWriter(options);
    this.#commits = new GroupCommit({
      flush: async (appends) => ({ durable: Promise.resolve(await this.#flush(appends)) }),
      observe: options.observe ?? (() => undefined),
    });
  }

  get id(): string | undefined {
    return this.#writer.id;
  }

  /** Creates the tables that are missing. @throws SinkError */
  async start(): Promise<void> {
    await this.#writer.start();
  }

  async assertSame(): Promise<void> {
    await this.#writer.assertSame();
  }

  async append(batch: string, lines: readonly RecordLine[]): Promise<void> {
    assertBatchId(batch);
    if (this.#isStopped) {
      throw this.#writer.error('the sink is stopped');
    }
    if (lines.length > 0) {
      await this.#commits.append(batch, lines);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#writer.beginStop();
    await this.#commits.release();
    await this.#writer.stop();
  }

  async #flush(appends: readonly PendingAppend[]): Promise<FlushEvent> {
    const startedAt = performance.now();
    const lines = linesOf(appends);
    const bytes = lines.reduce((sum, line) => sum + lineLength(line), 0);
    const batches = [...new Set(appends.map(({ batch }) => batch))].toSorted();
    try {
      await this.#writer.write(await bestRows(lines), { batches, bytes });
    } catch (error) {
      return this.#flushRest(appends, error);
    }
    return { kind: 'flushed', bytes, durationMs: performance.now() - startedAt };
  }

  /** A batch whose manifest cannot be had keeps no other one from being written. */
  async #flushRest(appends: readonly PendingAppend[], error: unknown): Promise<FlushEvent> {
    if (!(error instanceof ManifestError)) {
      throw error;
    }
    const rest = appends.filter(({ batch }) => batch !== error.batch);
    if (rest.length === 0) {
      throw error.cause;
    }
    for (const append of appends) {
      if (append.batch === error.batch) {
        append.reject(error.cause);
      }
    }
    return this.#flush(rest);
  }
}
