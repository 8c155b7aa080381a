import { setTimeout as sleep } from 'node:timers/promises';
import { removeAbandonedFolders, toError } from '@fetchfleet/crawl';
import { formatBytes } from '@fetchfleet/crawl/units';
import type { CheckedOut, ResultsStore } from '@fetchfleet/results';
import type { RecordsSource } from '../api/documents.ts';
import { HttpError } from '../http/http-error.ts';

/** Copies of batches that are kept, or made. */
const MAX_COPIES = 4;
/** How long a request waits for a copy. */
const WAIT_MS = 500;
/** A copy of a batch that somebody looks at makes no room for another one. */
const BUSY_MS = 60_000;
/** A copy that is made ends when nobody has asked for it for so long. */
const ABANDONED_MS = 30_000;
/** A copy is removed when nobody has asked for it for so long. */
const IDLE_MS = 15 * 60_000;
const SWEEP_MS = 5_000;

/** The records have to be copied first, and are. */
export class RecordsCopyingError extends Error {
  override readonly name = 'RecordsCopyingError';
  readonly code = 'RECORDS_COPYING';
}

interface Copy {
  readonly batch: string;
  /** When it was begun. */
  readonly at: Date;
  readonly aborter: AbortController;
  readonly made: Promise<CheckedOut>;
  /** Undefined while it is made. */
  checkedOut: CheckedOut | undefined;
  doneBytes: number;
  totalBytes: number;
  askedAt: number;
  /** What reads it at the moment. */
  users: number;
}

export interface RecordFoldersOptions {
  readonly store: ResultsStore;
  /** The most that one copy takes. */
  readonly maxBytes: number;
  /** A copy that cannot be removed. */
  readonly onError: (error: Error) => void;
}

/**
 * Results folders with plain parts of a batch. Records in S3, in a database or in compressed parts
 * are copied when somebody wants to see them, and the copy is kept for as long as somebody does:
 *
 *     elsewhere ──asked for──▶ copying ──▶ copied ──nobody asks for 15 min──▶ elsewhere
 *         ▲                       │ nobody asks for 30 s, too large, failed
 *         └───────────────────────┘
 */
export class RecordFolders {
  readonly #options: RecordFoldersOptions;
  /** The one that was asked for last at the end. */
  readonly #copies = new Map<string, Copy>();
  readonly #onRemove: ((batch: string) => Promise<void>)[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: RecordFoldersOptions) {
    this.#options = options;
  }

  /** Removes what an earlier server has left. */
  async start(): Promise<void> {
    await removeAbandonedFolders().catch((error: unknown) => this.#options.onError(toError(error)));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#sweeper);
    await Promise.all([...this.#copies.values()].map(async (copy) => this.#remove(copy)));
  }

  /** @param listener called before a copy of a batch goes: whoever reads it lets it go */
  onRemove(listener: (batch: string) => Promise<void>): void {
    this.#onRemove.push(listener);
  }

  /**
   * How the records can be read. Begins nothing.
   *
   * @throws ResultsNotFoundError, ResultsUnreadableError
   */
  async sourceOf(batch: string): Promise<RecordsSource> {
    const { store } = this.#options;
    const { location } = store;
    const nothing = { location, copiedAt: null, doneBytes: null, totalBytes: null };
    if ((await store.inPlace(batch)) !== undefined) {
      return { ...nothing, kind: 'here' };
    }
    const copy = this.#copies.get(batch);
    if (copy === undefined) {
      return { ...nothing, kind: 'elsewhere' };
    }
    const { checkedOut, at, doneBytes, totalBytes } = copy;
    return checkedOut === undefined
      ? { ...nothing, kind: 'copying', doneBytes, totalBytes }
      : { ...nothing, kind: 'copied', copiedAt: at.toISOString() };
  }

  /** The folders, if nothing has to be copied for it. @throws as {@link sourceOf} does */
  async present(batch: string): Promise<readonly string[] | undefined> {
    const dirs = await this.#options.store.inPlace(batch);
    return dirs ?? this.#copies.get(batch)?.checkedOut?.dirs;
  }

  /**
   * The folders. Begins a copy where one is needed, and waits for it for a moment.
   *
   * @param isRenewed whether a copy that is there is made anew
   * @throws RecordsCopyingError while it is made; ResultsNotFoundError, ResultsUnreadableError,
   *   CopyTooLargeError; an HttpError if others take the room
   */
  async open(batch: string, isRenewed = false): Promise<readonly string[]> {
    const dirs = await this.#options.store.inPlace(batch);
    if (dirs !== undefined) {
      return dirs;
    }
    const copy = await this.#copyOf(batch, isRenewed);
    const waited = new AbortController();
    try {
      const late = sleep(WAIT_MS, undefined, { signal: waited.signal });
      const made = await Promise.race([copy.made, late]);
      if (made === undefined) {
        throw copyingError(copy);
      }
      return made.dirs;
    } finally {
      waited.abort();
    }
  }

  /** Reads the folders. A copy stays for as long as that takes. @throws as {@link open} does */
  async use<T>(batch: string, work: (dirs: readonly string[]) => Promise<T>): Promise<T> {
    const dirs = await this.open(batch);
    const copy = this.#copies.get(batch);
    if (copy === undefined) {
      return work(dirs);
    }
    copy.users += 1;
    try {
      return await work(dirs);
    } finally {
      copy.users -= 1;
    }
  }

  async #copyOf(batch: string, isRenewed: boolean): Promise<Copy> {
    const known = this.#copies.get(batch);
    if (known !== undefined && isRenewed && known.checkedOut !== undefined && known.users === 0) {
      await this.#remove(known);
    }
    let copy = this.#copies.get(batch);
    if (copy === undefined) {
      await this.#makeRoom();
      copy = this.#copies.get(batch) ?? this.#begin(batch);
    }
    copy.askedAt = performance.now();
    this.#copies.delete(batch);
    this.#copies.set(batch, copy);
    return copy;
  }

  #begin(batch: string): Copy {
    const { store, maxBytes } = this.#options;
    const aborter = new AbortController();
    if (this.#isStopped) {
      aborter.abort();
    }
    const copy: Copy = {
      batch,
      at: new Date(),
      aborter,
      checkedOut: undefined,
      doneBytes: 0,
      totalBytes: 0,
      askedAt: performance.now(),
      users: 0,
      made: store.checkOut(batch, {
        maxBytes,
        signal: aborter.signal,
        onProgress: (done, total) => {
          copy.doneBytes = done;
          copy.totalBytes = total;
        },
      }),
    };
    this.#copies.set(batch, copy);
    void this.#note(copy);
    this.#sweeper ??= setInterval(() => void this.#sweep(), SWEEP_MS).unref();
    return copy;
  }

  /** Nothing is kept of one that has failed: whoever asks next begins anew. */
  async #note(copy: Copy): Promise<void> {
    try {
      copy.checkedOut = await copy.made;
    } catch {
      if (this.#copies.get(copy.batch) === copy) {
        this.#copies.delete(copy.batch);
      }
    }
  }

  async #makeRoom(): Promise<void> {
    const now = performance.now();
    while (this.#copies.size >= MAX_COPIES) {
      const idle = [...this.#copies.values()].find(
        ({ askedAt, users }) => users === 0 && now - askedAt > BUSY_MS,
      );
      if (idle === undefined) {
        throw new HttpError(503, 'COPIES_BUSY', {
          message: `records of ${MAX_COPIES} other batches are copied and looked at: try again later`,
          headers: { 'retry-after': '60' },
        });
      }
      await this.#remove(idle);
    }
  }

  async #sweep(): Promise<void> {
    const now = performance.now();
    for (const copy of this.#copies.values()) {
      const idleMs = copy.users > 0 ? 0 : now - copy.askedAt;
      if (idleMs > (copy.checkedOut === undefined ? ABANDONED_MS : IDLE_MS)) {
        await this.#remove(copy);
      }
    }
    if (this.#copies.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
  }

  async #remove(copy: Copy): Promise<void> {
    if (this.#copies.get(copy.batch) === copy) {
      this.#copies.delete(copy.batch);
    }
    copy.aborter.abort();
    try {
      const made = await copy.made.catch(() => undefined);
      await Promise.all(this.#onRemove.map(async (listener) => listener(copy.batch)));
      await made?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.onError(toError(error));
    }
  }
}

function copyingError({ batch, doneBytes, totalBytes }: Copy): RecordsCopyingError {
  const known = totalBytes === 0 ? '' : `: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  return new RecordsCopyingError(`the records of ${batch} are being copied${known}`);
}
