import type { BatchStatus } from '../ledger/batch-status.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { Pace } from './pace.ts';

/** Ended batches are read again at this interval, because they can be retried or resumed. */
const ENDED_INTERVAL_MS = 10_000;
/** Most ended batches that are shown. */
const MAX_ENDED = 100;
/** Most batches under way that are read, the newest ones. */
const MAX_UNDER_WAY = 500;

export interface WatchedBatch {
  readonly status: BatchStatus;
  readonly pace: Pace;
}

export function isUnderWay({ state }: Pick<BatchStatus, 'state'>): boolean {
  return state === 'expanding' || state === 'running' || state === 'paused';
}

/**
 * Reads the batches of a fleet every second. Costs Redis little, however many there are: one
 * command for each batch under way, up to 500, and every ten seconds one for each of the 100 newest
 * that have ended.
 */
export class BatchesReader {
  readonly #ledger: Pick<Ledger, 'unfinished' | 'batches' | 'statuses'>;
  #watched = new Map<string, WatchedBatch>();
  #newest: readonly string[] = [];
  #underWayTotal = 0;
  #nextFullReadMs = 0;

  constructor(ledger: Pick<Ledger, 'unfinished' | 'batches' | 'statuses'>) {
    this.#ledger = ledger;
  }

  /** Batches under way, also those that are not read. Known after a read. */
  get underWayTotal(): number {
    return this.#underWayTotal;
  }

  /** Batches under way first, then ended ones; each newest first. */
  async read(): Promise<readonly WatchedBatch[]> {
    const unfinished = await this.#ledger.unfinished();
    this.#underWayTotal = unfinished.length;
    const underWay = unfinished.slice(0, MAX_UNDER_WAY);
    const isFullRead = performance.now() >= this.#nextFullReadMs;
    if (isFullRead) {
      this.#newest = await this.#ledger.batches(MAX_ENDED + underWay.length);
      this.#nextFullReadMs = performance.now() + ENDED_INTERVAL_MS;
    }
    const stale = new Set([...underWay, ...this.#justEnded(), ...(isFullRead ? this.#newest : [])]);
    for (const status of await this.#ledger.statuses([...stale])) {
      const pace = this.#watched.get(status.batch)?.pace ?? new Pace();
      pace.add(performance.now(), status.settled);
      this.#watched.set(status.batch, { status, pace });
      stale.delete(status.batch);
    }
    // What was asked for and not found was removed.
    for (const id of stale) {
      this.#watched.delete(id);
    }
    return this.#sorted();
  }

  /** Those that were under way when they were last read. */
  #justEnded(): string[] {
    return [...this.#watched.values()]
      .filter(({ status }) => isUnderWay(status))
      .map(({ status }) => status.batch);
  }

  /** Forgets all others. */
  #sorted(): readonly WatchedBatch[] {
    const newestFirst = [...this.#watched.values()].toSorted(
      (one, other) => Date.parse(other.status.createdAt) - Date.parse(one.status.createdAt),
    );
    const underWay = newestFirst.filter(({ status }) => isUnderWay(status));
    const ended = newestFirst.filter(({ status }) => !isUnderWay(status)).slice(0, MAX_ENDED);
    const all = [...underWay, ...ended];
    this.#watched = new Map(all.map((one) => [one.status.batch, one]));
    return all;
  }
}
