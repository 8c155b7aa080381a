import { setImmediate } from 'node:timers/promises';
import { type RecordLine, lineLength, toError } from '@fetchfleet/crawl';

/** Most characters in one flush. A larger append is flushed alone. */
const MAX_GROUP_CHARACTERS = 8 * 1024 * 1024;
/** So much is written while the flush before it becomes durable; less waits for more. */
const WORTH_WRITING_CHARACTERS = 1024 * 1024;

/** One flush: the bytes made durable and the time it took. */
export interface FlushEvent {
  readonly kind: 'flushed';
  readonly bytes: number;
  readonly durationMs: number;
}

/** A flush that is written and may not be durable yet. */
export interface Flush {
  /** Resolves when they are durable. Rejects all appends of the flush if it rejects. */
  readonly durable: Promise<FlushEvent>;
}

/** Lines that wait for their flush. */
export interface PendingAppend {
  readonly batch: string;
  readonly lines: readonly RecordLine[];
  readonly reject: (reason: unknown) => void;
}

export interface GroupCommitOptions {
  /**
   * Makes the lines of these appends durable. Resolves as soon as the next flush may begin. Its
   * errors reject all of them. It may reject some of them itself.
   */
  readonly flush: (appends: readonly PendingAppend[]) => Promise<Flush>;
  /** Called between two flushes, when the owner releases what it holds. Never rejects. */
  readonly close?: () => Promise<void>;
  readonly observe: (event: FlushEvent) => void;
}

interface Queued extends PendingAppend {
  readonly characters: number;
  readonly resolve: () => void;
}

/**
 * Flushes what is appended. Appends that arrive during a flush share the next one (group commit),
 * so groups grow as the place gets slower. A large flush is written while the one before it becomes
 * durable:
 *
 *     write 1 ─▶ sync 1 ──▶ ┐
 *                write 2 ─▶ ┴ sync 2 ──▶ …
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #pending: Queued[] = [];
  #pendingCharacters = 0;
  #work: Promise<void> | undefined;
  /** Resolves when the appends of the last flush were told how it ended. */
  #ended: Promise<void> = Promise.resolve();
  #mustClose = false;
  /** Ends the wait for the last flush, when there is enough for the next one. */
  #onMuchPending: (() => void) | undefined;

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
    this.#pendingCharacters += characters;
    this.#work ??= this.#run();
    if (this.#isMuchPending()) {
      this.#onMuchPending?.();
    }
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
      if (!this.#isMuchPending()) {
        const { promise: muchPending, resolve } = Promise.withResolvers<void>();
        this.#onMuchPending = resolve;
        await Promise.race([this.#ended, muchPending]);
      }
    }
    this.#work = undefined;
  }

  #isMuchPending(): boolean {
    return this.#pendingCharacters >= WORTH_WRITING_CHARACTERS;
  }

  #nextGroup(): Queued[] {
    let characters = 0;
    let count = 0;
    for (const append of this.#pending) {
      if (count > 0 && characters + append.characters > MAX_GROUP_CHARACTERS) {
        break;
      }
      characters += append.characters;
      count += 1;
    }
    this.#pendingCharacters -= characters;
    return this.#pending.splice(0, count);
  }

  /** Resolves when the next flush may begin: the one before this has ended, and this is written. */
  async #commit(group: readonly Queued[]): Promise<void> {
    const before = this.#ended;
    try {
      const { durable } = await this.#options.flush(group);
      this.#ended = this.#end(group, durable);
    } catch (error) {
      rejectAll(group, error);
    }
    await before;
  }

  async #end(group: readonly Queued[], durable: Promise<FlushEvent>): Promise<void> {
    try {
      const event = await durable;
      for (const append of group) {
        append.resolve(); // no effect on one that was rejected
      }
      this.#observe(event);
    } catch (error) {
      rejectAll(group, error);
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

function rejectAll(group: readonly PendingAppend[], error: unknown): void {
  for (const append of group) {
    append.reject(error);
  }
}

export function linesOf(appends: readonly PendingAppend[]): RecordLine[] {
  return appends.flatMap(({ lines }) => lines);
}
