import { setImmediate } from 'node:timers/promises';
import { toError } from '@fetchfleet/crawl';
import { assertBatchId, assertWorkerId } from '../folder/layout.ts';
import type { Sink } from '../sink/sink.ts';
import type { SinkOptions } from '../store/store.ts';
import { bestRows } from './best-rows.ts';
import { ManifestError, PlaceWriter, type PlaceWriterOptions } from './place-writer.ts';

export interface PostgresSinkOptions extends SinkOptions, PlaceWriterOptions {}

/** Most characters in one flush. A larger append is flushed alone. */
const MAX_GROUP_CHARACTERS = 8 * 1024 * 1024;

interface PendingAppend {
  readonly batch: string;
  readonly lines: readonly string[];
  readonly characters: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Writes records to a table of PostgreSQL. Appends that arrive during a flush share the next one,
 * and resolve when its transaction is on disk.
 */
export class PostgresSink implements Sink {
  /** A commit takes a few milliseconds however many rows it has. */
  readonly gathering = { ms: 100, bytes: 1024 * 1024 };
  readonly #options: PostgresSinkOptions;
  readonly #writer: PlaceWriter;
  readonly #pending: PendingAppend[] = [];
  #work: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: PostgresSinkOptions) {
    assertWorkerId(options.worker);
    this.#options = options;
    this.#writer = new PlaceWriter(options);
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

  async append(batch: string, lines: readonly string[]): Promise<void> {
    assertBatchId(batch);
    if (this.#isStopped) {
      throw this.#writer.error('the sink is stopped');
    }
    if (lines.length === 0) {
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const characters = lines.reduce((sum, line) => sum + line.length, 0);
    this.#pending.push({ batch, lines, characters, resolve, reject });
    this.#work ??= this.#run();
    await promise;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#writer.beginStop();
    await this.#work;
    await this.#writer.stop();
  }

  /** Never rejects: a failed flush rejects the appends in it. */
  async #run(): Promise<void> {
    // Other appends in this turn of the event loop join the first flush.
    await setImmediate();
    while (this.#pending.length > 0) {
      await this.#commit(this.#nextGroup());
    }
    this.#work = undefined;
  }

  #nextGroup(): PendingAppend[] {
    let characters = 0;
    let count = 0;
    for (const append of this.#pending) {
      characters += append.characters;
      if (count > 0 && characters > MAX_GROUP_CHARACTERS) {
        break;
      }
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #commit(group: readonly PendingAppend[]): Promise<void> {
    const startedAt = performance.now();
    const bytes = group.reduce((sum, { characters }) => sum + characters, 0);
    try {
      const rows = await bestRows(group.flatMap(({ lines }) => lines));
      const batches = [...new Set(group.map(({ batch }) => batch))].toSorted();
      await this.#writer.write(rows, { batches, bytes });
    } catch (error) {
      await this.#reject(group, error);
      return;
    }
    for (const append of group) {
      append.resolve();
    }
    this.#observe(bytes, performance.now() - startedAt);
  }

  /** A batch whose manifest cannot be had keeps no other one from being written. */
  async #reject(group: readonly PendingAppend[], error: unknown): Promise<void> {
    const isOfOne = error instanceof ManifestError;
    const rest = isOfOne ? group.filter(({ batch }) => batch !== error.batch) : [];
    for (const append of group) {
      if (!rest.includes(append)) {
        append.reject(isOfOne ? error.cause : error);
      }
    }
    if (rest.length > 0) {
      await this.#commit(rest);
    }
  }

  #observe(bytes: number, durationMs: number): void {
    try {
      this.#options.observe?.({ kind: 'flushed', bytes, durationMs });
    } catch (error) {
      // The records are durable. An error of the listener must not reject their appends.
      process.emitWarning(toError(error));
    }
  }
}
