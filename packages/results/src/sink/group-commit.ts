import { setImmediate } from 'node:timers/promises';
import { type RecordLine, lineLength, toError } from '@fetchfleet/crawl';

/** Most characters in one flush. A larger append is flushed alone. */
const MAX_GROUP_CHARACTERS = 8 * 1024 * 1024;

/** One flush: the bytes made durable and the time it took. */
export interface FlushEvent {
  readonly kind: 'flushed';
  readonly bytes: number;
  readonly durationMs: number;
}

/** Lines that wait for their flush. */
export interface PendingAppend {
  readonly batch: string;
  readonly lines: readonly RecordLine[];
  readonly reject: (reason: unknown) => void;
}

export interface GroupCommitOptions {
  /**
   * Makes the lines of these appends durable. Its errors reject all of them. It may reject some of
   * them itself, and resolve when the others are durable.
   */
  readonly flush: (appends: readonly PendingAppend[]) => Promise<FlushEvent>;
  /** Called between two flushes, when the owner releases what it holds. Never rejects. */
  readonly close?: () => Promise<void>;
  readonly observe: (event: FlushEvent) => void;
}

interface Queued extends PendingAppend {
  readonly characters: number;
  readonly resolve: () => void;
}

/**
 * Flushes what is appended, one flush at a time. Appends that arrive during a flush share the next
 * one (group commit), so groups grow as the place gets slower.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #pending: Queued[] = [];
  #work: Promise<void> | undefined;
  #mustClose = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#work === undefined;
  }

  append(batch: string, lines: readonly RecordLine[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const characters = lines.reduce((sum, line) => sum + lineLength(line), 0);
    this.#pending.push({ batch, lines, characters, resolve, reject });
    this.#work ??= this.#run();
    return promise;
  }

  /** Flushes pending appends, then closes. */
  async release(): Promise<void> {
    this.#mustClose = true;
    this.#work ??= this.#run();
    await this.#work;
  }

  /** Never rejects: a failed flush rejects the appends in it. */
  async #run(): Promise<void> {
    // Other appends in this turn of the event loop join the first flush.
    await setImmediate();
    while (this.#pending.length > 0 || this.#mustClose) {
      if (this.#pending.length > 0) {
        await this.#commit(this.#nextGroup());
      } else {
        this.#mustClose = false;
        await this.#options.close?.();
      }
    }
    this.#work = undefined;
  }

  #nextGroup(): Queued[] {
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

  async #commit(group: readonly Queued[]): Promise<void> {
    try {
      const event = await this.#options.flush(group);
      for (const append of group) {
        append.resolve(); // no effect on one that was rejected
      }
      this.#observe(event);
    } catch (error) {
      for (const append of group) {
        append.reject(error);
      }
    }
  }

  #observe(event: FlushEvent): void {
    try {
      this.#options.observe(event);
    } catch (error) {
      // The records are durable. An error of the listener must not reject their appends.
      process.emitWarning(toError(error));
    }
  }
}

export function linesOf(appends: readonly PendingAppend[]): RecordLine[] {
  return appends.flatMap(({ lines }) => lines);
}
