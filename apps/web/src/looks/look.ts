import { toError } from '@fetchfleet/crawl';
import { RedisUnreachableError } from '@fetchfleet/fleet';
import { withTimeout } from '@fetchfleet/service';

/** Commands wait in the client of Redis for as long as it does not answer: viewers do not. */
const TIMEOUT_MS = 5_000;

/** What a viewer gets: a document, or why there is none at the moment. */
export interface Viewing<T> {
  onDocument(document: T, json: string): void;
  onError(error: Error): void;
}

export interface LookOptions<T> {
  readonly read: () => Promise<T>;
  /** A document is good for so long after its read has ended. @default 1 s */
  readonly everyMs?: number;
  /** What of a document makes it another one. @default all of it */
  comparable?(document: T): unknown;
  /** A clock that is never set back. @default performance.now */
  readonly now?: (() => number) | undefined;
}

/** What viewers have last been told. */
type Shown<T> =
  | { readonly compared: string; readonly document: T; readonly json: string }
  | { readonly error: Error };

/**
 * One look at the fleet that all viewers share: however many there are, it reads only while
 * somebody looks, and rests for `everyMs` between two reads. A read that takes long is no reason to
 * read all the time.
 *
 *     at rest ──first viewer──▶ looking every second ──last viewer leaves──▶ at rest
 */
export class Look<T> {
  readonly #options: LookOptions<T>;
  readonly #everyMs: number;
  readonly #now: () => number;
  readonly #viewers = new Set<Viewing<T>>();
  #latest: Promise<T> | undefined;
  #isReading = false;
  /** When the last read has ended. */
  #readAt = Number.NEGATIVE_INFINITY;
  /** Whether something has changed since the last read has begun. */
  #isExpired = false;
  #timer: NodeJS.Timeout | undefined;
  #shown: Shown<T> | undefined;

  constructor(options: LookOptions<T>) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? 1_000;
    this.#now = options.now ?? (() => performance.now());
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /**
   * The document; it was read within the last `everyMs`.
   *
   * @throws RedisUnreachableError if there is none within 5 s. The read goes on, and no other one
   *   begins before it ends: nothing piles up in the client.
   */
  async get(): Promise<T> {
    const isFresh = this.#now() - this.#readAt < this.#everyMs;
    if (this.#latest === undefined || (!isFresh && !this.#isReading)) {
      this.#latest = this.#read();
    }
    return withTimeout(this.#latest, {
      timeoutMs: TIMEOUT_MS,
      onTimeout: () => {
        throw new RedisUnreachableError('Redis has not answered for 5 s');
      },
    });
  }

  /** The whole document at once, then each time it has changed. @returns what ends it */
  watch(viewer: Viewing<T>): () => void {
    this.#viewers.add(viewer);
    if (this.#viewers.size === 1) {
      this.#shown = undefined;
      void this.#look();
    } else if (this.#shown !== undefined) {
      tell(viewer, this.#shown);
    }
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) {
        clearTimeout(this.#timer);
      }
    };
  }

  /** Something has changed: what was read is out of date, and viewers get what is there now. */
  expire(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
    this.#isExpired = true;
    if (this.#viewers.size > 0) {
      void this.#look();
    }
  }

  async #read(): Promise<T> {
    this.#isReading = true;
    this.#isExpired = false;
    try {
      return await this.#options.read();
    } catch (error) {
      this.#latest = undefined; // whoever asks next asks anew
      throw error;
    } finally {
      this.#isReading = false;
      this.#readAt = this.#isExpired ? Number.NEGATIVE_INFINITY : this.#now();
    }
  }

  async #look(): Promise<void> {
    try {
      this.#show(await this.get());
    } catch (error) {
      this.#fail(toError(error));
    }
    clearTimeout(this.#timer);
    if (this.#viewers.size > 0) {
      const restMs = Math.max(100, this.#everyMs - (this.#now() - this.#readAt));
      this.#timer = setTimeout(() => void this.#look(), restMs);
    }
  }

  /** Viewers are told once. */
  #fail(error: Error): void {
    const shown = this.#shown;
    if (shown === undefined || !('error' in shown) || shown.error.message !== error.message) {
      this.#tellAll({ error });
    }
  }

  #show(document: T): void {
    const shown = this.#shown;
    const compared = JSON.stringify(this.#options.comparable?.(document) ?? document);
    if (shown === undefined || 'error' in shown || shown.compared !== compared) {
      this.#tellAll({ compared, document, json: JSON.stringify(document) });
    }
  }

  #tellAll(shown: Shown<T>): void {
    this.#shown = shown;
    for (const viewer of this.#viewers) {
      tell(viewer, shown);
    }
  }
}

function tell<T>(viewer: Viewing<T>, shown: Shown<T>): void {
  if ('error' in shown) {
    viewer.onError(shown.error);
  } else {
    viewer.onDocument(shown.document, shown.json);
  }
}
