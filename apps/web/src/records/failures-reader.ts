import type { BatchStatus } from '@fetchfleet/fleet';
import { type Failures, failuresDocument, findFailures } from '@fetchfleet/results';
import type { FailuresDocument } from '../api/documents.ts';

/** Both passes over the parts. */
const TIMEOUT_MS = 60_000;
/** Batches whose failures are kept. */
const MAX_KEPT = 20;
/** While a batch runs, they are read again no more often than this. */
const FRESH_MS = 15_000;

interface Kept {
  readonly readAt: number;
  /** Failures and settled fetches when they were read. */
  readonly of: string;
  readonly failures: Promise<Failures>;
}

/** Groups of failures, read from the records. One batch at a time is read: each reads all parts. */
export class FailuresReader {
  readonly #dir: string;
  readonly #kept = new Map<string, Kept>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param dir the results folder */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError; a TimeoutError */
  async read(status: BatchStatus, limit: number): Promise<FailuresDocument> {
    if (status.failed === 0) {
      return failuresDocument(status, { groups: [], skippedParts: [] }, limit);
    }
    return failuresDocument(status, await this.#failures(status), limit);
  }

  async #failures({ batch, total, settled, failed, retries }: BatchStatus): Promise<Failures> {
    const of = [settled, failed, retries].join(' ');
    const known = this.#kept.get(batch);
    if (known !== undefined) {
      const isFresh = performance.now() - known.readAt < FRESH_MS;
      if (known.of === of || isFresh) {
        return known.failures;
      }
    }
    const failures = this.#last.then(async () =>
      findFailures({ dir: this.#dir, batch, total, signal: AbortSignal.timeout(TIMEOUT_MS) }),
    );
    this.#last = failures.catch(() => this.#kept.delete(batch));
    this.#kept.delete(batch);
    this.#kept.set(batch, { readAt: performance.now(), of, failures });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) {
      this.#kept.delete(oldest);
    }
    return failures;
  }
}
