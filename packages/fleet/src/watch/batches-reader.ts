import type { BatchStatus } from '../ledger/batch-status.ts';
import type { LedgerReader } from '../ledger/ledger-reader.ts';
import { Pace } from './pace.ts';

/** Batches under way that are read each time, the newest ones: those at the top of the list. */
const MAX_CURRENT = 50;
/** Most batches under way that are read at all, the newest ones. */
const MAX_UNDER_WAY = 500;
/** Those between are read again at this interval. */
const OTHERS_INTERVAL_MS = 20_000;
/** A long list of unfinished batches is read at this interval: Redis looks at each of them. */
const LONG_LIST_INTERVAL_MS = 2_000;
/** Most ended batches that are shown. */
const MAX_ENDED = 100;
/** Ended batches are read again at this interval, because they can be retried or resumed. */
const ENDED_INTERVAL_MS = 10_000;
/** What was read so lately is not read again for somebody else. */
const FRESH_MS = 500;
/** What was not read for this long is forgotten. */
const FORGET_MS = 60_000;

export interface WatchedBatch {
  readonly status: BatchStatus;
  readonly pace: Pace;
}

interface Seen extends WatchedBatch {
  readonly readAtMs: number;
}

export function isUnderWay({ state }: Pick<BatchStatus, 'state'>): boolean {
  return state === 'expanding' || state === 'running' || state === 'paused';
}

/**
 * Reads the batches of a fleet every second. Costs Redis little, however many there are: what
 * somebody sees is read each time, the rest rarely. An end is seen at once, because it leaves the
 * list of unfinished batches.
 */
export class BatchesReader {
  readonly #ledger: Pick<LedgerReader, 'unfinished' | 'batches' | 'statuses'>;
  readonly #now: () => number;
  #seen = new Map<string, Seen>();
  /** Newest first. */
  #underWay: ReadonlySet<string> = new Set();
  #nextUnderWayMs = Number.NEGATIVE_INFINITY;
  #nextEndedMs = Number.NEGATIVE_INFINITY;

  /** @param now a clock that is never set back. @default performance.now */
  constructor(
    ledger: Pick<LedgerReader, 'unfinished' | 'batches' | 'statuses'>,
    now: () => number = () => performance.now(),
  ) {
    this.#ledger = ledger;
    this.#now = now;
  }

  /** Batches under way, also those that are not read. Known after a read. */
  get underWayTotal(): number {
    return this.#underWay.size;
  }

  /**
   * Batches under way first, then ended ones; each newest first. Of more than 50 under way the
   * newest are as they are now, the others as they were in the last 20 s.
   */
  async read(): Promise<readonly WatchedBatch[]> {
    await this.#listUnderWay();
    const underWay = [...this.#underWay].slice(0, MAX_UNDER_WAY);
    await this.#refresh([
      ...underWay.slice(0, MAX_CURRENT),
      ...underWay.slice(MAX_CURRENT).filter((id) => this.#isDue(id, OTHERS_INTERVAL_MS)),
      ...this.#justEnded(),
      ...(await this.#endedIfDue(underWay.length)),
    ]);
    return this.#sorted();
  }

  /**
   * Some batches, without those that are unknown: as they are now, if they are under way, and as
   * they were in the last ten seconds, if they have ended.
   */
  async some(ids: readonly string[]): Promise<readonly WatchedBatch[]> {
    await this.#refresh(ids.filter((id) => this.#isDue(id, FRESH_MS)));
    return ids.flatMap((id) => this.#seen.get(id) ?? []);
  }

  /** Somebody has changed batches: what was read of them is out of date. */
  expire(): void {
    this.#nextUnderWayMs = Number.NEGATIVE_INFINITY;
    this.#nextEndedMs = Number.NEGATIVE_INFINITY;
    const longAgoMs = this.#now() - OTHERS_INTERVAL_MS;
    for (const [id, seen] of this.#seen) {
      this.#seen.set(id, { ...seen, readAtMs: Math.min(seen.readAtMs, longAgoMs) });
    }
  }

  async #listUnderWay(): Promise<void> {
    if (this.#now() < this.#nextUnderWayMs) {
      return;
    }
    this.#underWay = new Set(await this.#ledger.unfinished());
    const isLong = this.#underWay.size > MAX_CURRENT;
    this.#nextUnderWayMs = this.#now() + (isLong ? LONG_LIST_INTERVAL_MS : 0);
  }

  async #refresh(ids: readonly string[]): Promise<void> {
    const asked = new Set(ids);
    const readAtMs = this.#now();
    for (const status of await this.#ledger.statuses([...asked])) {
      const pace = this.#seen.get(status.batch)?.pace ?? new Pace();
      pace.add(readAtMs, status.settled);
      this.#seen.set(status.batch, { status, pace, readAtMs });
      asked.delete(status.batch);
    }
    // What was asked for and not found was removed.
    for (const id of asked) {
      this.#seen.delete(id);
    }
    this.#forget();
  }

  /** @param underWayEveryMs how old the status of a batch under way may be */
  #isDue(id: string, underWayEveryMs: number): boolean {
    const seen = this.#seen.get(id);
    if (seen === undefined) {
      return true;
    }
    const { status, readAtMs } = seen;
    const isResumed = !isUnderWay(status) && this.#underWay.has(id);
    const everyMs = isUnderWay(status) ? underWayEveryMs : ENDED_INTERVAL_MS;
    return isResumed || this.#now() - readAtMs >= everyMs;
  }

  /** Those that were under way when they were last read. */
  #justEnded(): string[] {
    return [...this.#seen.values()]
      .filter(({ status }) => isUnderWay(status) && !this.#underWay.has(status.batch))
      .map(({ status }) => status.batch);
  }

  /** The newest that have ended. */
  async #endedIfDue(underWay: number): Promise<string[]> {
    if (this.#now() < this.#nextEndedMs) {
      return [];
    }
    this.#nextEndedMs = this.#now() + ENDED_INTERVAL_MS;
    const newest = await this.#ledger.batches(MAX_ENDED + underWay);
    return newest.filter((id) => !this.#underWay.has(id));
  }

  #forget(): void {
    const beforeMs = this.#now() - FORGET_MS;
    for (const [id, { readAtMs }] of this.#seen) {
      if (readAtMs < beforeMs) {
        this.#seen.delete(id);
      }
    }
  }

  #sorted(): readonly WatchedBatch[] {
    const newestFirst = [...this.#seen.values()].toSorted(
      (one, other) => Date.parse(other.status.createdAt) - Date.parse(one.status.createdAt),
    );
    const underWay = newestFirst.filter(({ status }) => isUnderWay(status));
    const ended = newestFirst.filter(({ status }) => !isUnderWay(status));
    return [...underWay.slice(0, MAX_UNDER_WAY), ...ended.slice(0, MAX_ENDED)];
  }
}
