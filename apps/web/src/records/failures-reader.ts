import { type BatchStatus, isUnderWay } from '@fetchfleet/fleet';
import { type Failures, failuresDocument, findFailures } from '@fetchfleet/results';
import type { FailuresDocument } from '../api/documents.ts';
import type { RecordFolders } from './record-folders.ts';

/** Both passes over the parts. */
const TIMEOUT_MS = 60_000;
/** Batches whose failures are kept. */
const MAX_KEPT = 20;
/** While a batch runs, they are read again no more often than this. */
const FRESH_MS = 15_000;

interface Kept {
  /** When they were read; undefined while they are, or wait for their turn. */
  readAt: number | undefined;
  /** Failures and settled fetches when they were read. */
  readonly of: string;
  readonly failures: Promise<Failures>;
}

/**
 * Groups of failures, read from the records. One batch at a time is read, because each reads all
 * parts, and nobody asks for a batch anew before it was read.
 */
export class FailuresReader {
  readonly #folders: Pick<RecordFolders, 'use'>;
  readonly #find: typeof findFailures;
  readonly #kept = new Map<string, Kept>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(folders: Pick<RecordFolders, 'use'>, find: typeof findFailures = findFailures) {
    this.#folders = folders;
    this.#find = find;
  }

  /**
   * @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError; what
   *   {@link RecordFolders.open} throws; a TimeoutError
   */
  async read(status: BatchStatus, limit: number): Promise<FailuresDocument> {
    if (status.failed === 0) {
      return failuresDocument(status, { groups: [], skippedParts: [] }, limit);
    }
    return failuresDocument(status, await this.#failures(status), limit);
  }

  async #failures(status: BatchStatus): Promise<Failures> {
    const { batch, total, settled, failed, retries } = status;
    const of = [settled, failed, retries].join(' ');
    const known = this.#kept.get(batch);
    // Of one that has ended nothing changes any more: what is read now is shown for long.
    if (known !== undefined && (known.of === of || (isUnderWay(status) && isFresh(known)))) {
      return known.failures;
    }
    const failures = this.#last.then(async () =>
      this.#folders.use(batch, async (dir) =>
        this.#find({ dir, batch, total, signal: AbortSignal.timeout(TIMEOUT_MS) }),
      ),
    );
    const kept: Kept = { readAt: undefined, of, failures };
    this.#last = this.#note(batch, kept);
    this.#kept.delete(batch);
    this.#kept.set(batch, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) {
      this.#kept.delete(oldest);
    }
    return failures;
  }

  /** Notes when a read has ended. Nothing is kept of one that has failed. */
  async #note(batch: string, kept: Kept): Promise<void> {
    try {
      await kept.failures;
      kept.readAt = performance.now();
    } catch {
      if (this.#kept.get(batch) === kept) {
        this.#kept.delete(batch);
      }
    }
  }
}

function isFresh({ readAt }: Kept): boolean {
  return readAt === undefined || performance.now() - readAt < FRESH_MS;
}
