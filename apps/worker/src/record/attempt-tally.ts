import type { AttemptCounts } from '@fetchfleet/fleet';

/** Adds to the counts of a batch in Redis. */
type CountAttempts = (batch: string, counts: AttemptCounts) => Promise<void>;

const NONE: AttemptCounts = { retried: 0, throttled: 0 };

/**
 * Attempts that end without a record, by batch. They are written before the settlements of their
 * batch, so that those of a fetch are there when it is settled, and every two seconds. What cannot
 * be written is lost: these counts say how hard a batch was, and nothing depends on them.
 */
export class AttemptTally {
  readonly #count: CountAttempts;
  readonly #onError: (error: unknown) => void;
  readonly #counts = new Map<string, AttemptCounts>();

  constructor(count: CountAttempts, onError: (error: unknown) => void) {
    this.#count = count;
    this.#onError = onError;
  }

  retried(batch: string): void {
    this.#add(batch, { retried: 1, throttled: 0 });
  }

  throttled(batch: string): void {
    this.#add(batch, { retried: 0, throttled: 1 });
  }

  /** Writes what there is of a batch. */
  flush(batch: string): void {
    const counts = this.#counts.get(batch);
    if (counts !== undefined) {
      this.#counts.delete(batch);
      this.#count(batch, counts).catch(this.#onError);
    }
  }

  /** Writes what there is of all batches. */
  flushAll(): void {
    for (const batch of this.#counts.keys()) {
      this.flush(batch);
    }
  }

  #add(batch: string, { retried, throttled }: AttemptCounts): void {
    const before = this.#counts.get(batch) ?? NONE;
    this.#counts.set(batch, {
      retried: before.retried + retried,
      throttled: before.throttled + throttled,
    });
  }
}
