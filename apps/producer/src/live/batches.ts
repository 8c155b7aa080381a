import type { BatchStatus, Ledger } from '@fetchfleet/fleet';
import { Pace } from '../report/pace.ts';

/** Batches that have ended are read again this often: they may be retried, or go on. */
const ENDED_INTERVAL_MS = 10_000;
/** Of batches that have ended, no more are shown. */
const MAX_ENDED = 100;

/** A batch, and how fast it is. */
export interface BatchSeen {
  readonly status: BatchStatus;
  readonly pace: Pace;
}

export function isUnderWay({ state }: Pick<BatchStatus, 'state'>): boolean {
  return state === 'expanding' || state === 'running' || state === 'paused';
}

/** All batches, read in a way that Redis hardly notices, however many have ended. */
export class LiveBatches {
  readonly #ledger: Ledger;
  readonly #seen = new Map<string, BatchSeen>();
  #nextFullMs = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Those under way first, each newest first. */
  async read(): Promise<readonly BatchSeen[]> {
    const ids = await this.#ledger.batches();
    const nowMs = performance.now();
    const isFull = nowMs >= this.#nextFullMs;
    if (isFull) this.#nextFullMs = nowMs + ENDED_INTERVAL_MS;
    await Promise.all(ids.slice(0, this.#reach(ids)).map(async (id) => this.#look(id, isFull)));
    const known = new Set(ids);
    for (const id of this.#seen.keys()) if (!known.has(id)) this.#seen.delete(id);
    const seen = ids.flatMap((id) => this.#seen.get(id) ?? []);
    const underWay = seen.filter(({ status }) => isUnderWay(status));
    const ended = seen.filter(({ status }) => !isUnderWay(status));
    return [...underWay, ...ended.slice(0, MAX_ENDED)];
  }

  /** Everything the first time; later the old ones that have ended do not matter. */
  #reach(ids: readonly string[]): number {
    if (this.#seen.size === 0) return ids.length;
    const oldest = ids.findLastIndex((id) => {
      const seen = this.#seen.get(id);
      return seen !== undefined && isUnderWay(seen.status);
    });
    return Math.max(oldest + 1, MAX_ENDED);
  }

  async #look(id: string, isFull: boolean): Promise<void> {
    const before = this.#seen.get(id);
    if (before !== undefined && !isFull && !isUnderWay(before.status)) return;
    const status = await this.#ledger.status(id);
    if (status === undefined) return;
    const pace = before?.pace ?? new Pace();
    pace.add(performance.now(), status.settled);
    this.#seen.set(id, { status, pace });
  }
}
