import type { BatchStatus, Ledger } from '@fetchfleet/fleet';
import { Pace } from '../report/pace.ts';

/** Ended batches are read again at this interval, because they can be retried or resumed. */
const ENDED_INTERVAL_MS = 10_000;
/** Most ended batches that are shown. */
const MAX_ENDED = 100;

export interface WatchedBatch {
  readonly status: BatchStatus;
  readonly pace: Pace;
}

export function isUnderWay({ state }: Pick<BatchStatus, 'state'>): boolean {
  return state === 'expanding' || state === 'running' || state === 'paused';
}

/** Reads all batches every second. Costs Redis little, even with many ended batches. */
export class BatchesReader {
  readonly #ledger: Ledger;
  readonly #watched = new Map<string, WatchedBatch>();
  #nextFullReadMs = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Batches under way first, then ended ones; each newest first. */
  async read(): Promise<readonly WatchedBatch[]> {
    const ids = await this.#ledger.batches();
    const nowMs = performance.now();
    const isFullRead = nowMs >= this.#nextFullReadMs;
    if (isFullRead) {
      this.#nextFullReadMs = nowMs + ENDED_INTERVAL_MS;
    }
    const recent = ids.slice(0, this.#countToRead(ids));
    const stale = recent.filter((id) => isFullRead || this.#isUnderWay(id));
    for (const status of await this.#ledger.statuses(stale)) {
      this.#update(status);
    }
    const known = new Set(ids);
    for (const id of this.#watched.keys()) {
      if (!known.has(id)) {
        this.#watched.delete(id);
      }
    }
    const watched = ids.flatMap((id) => this.#watched.get(id) ?? []);
    const underWay = watched.filter(({ status }) => isUnderWay(status));
    const ended = watched.filter(({ status }) => !isUnderWay(status));
    return [...underWay, ...ended.slice(0, MAX_ENDED)];
  }

  /** All batches on the first read; later up to the oldest batch under way. */
  #countToRead(ids: readonly string[]): number {
    if (this.#watched.size === 0) {
      return ids.length;
    }
    const oldest = ids.findLastIndex((id) => this.#watched.has(id) && this.#isUnderWay(id));
    return Math.max(oldest + 1, MAX_ENDED);
  }

  /** Whether it was under way when it was last read, or was never read. */
  #isUnderWay(id: string): boolean {
    const before = this.#watched.get(id);
    return before === undefined || isUnderWay(before.status);
  }

  #update(status: BatchStatus): void {
    const pace = this.#watched.get(status.batch)?.pace ?? new Pace();
    pace.add(performance.now(), status.settled);
    this.#watched.set(status.batch, { status, pace });
  }
}
