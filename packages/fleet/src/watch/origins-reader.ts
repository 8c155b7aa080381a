import type { OriginStatus } from '../origins/origin-status.ts';
import type { Origins } from '../origins/origins.ts';

/** Origins that are read every second: those at the top of the list. */
const MAX_WATCHED = 50;
/** A full read can use 1/50 of the time: its duration times this is the pause before the next. */
const FULL_READ_PAUSE_FACTOR = 50;
/** Longest pause between two full reads. */
const MAX_FULL_READ_PAUSE_MS = 30_000;

interface OriginsReaderOptions {
  /** Which origins are listed. @default those with fetches, blocked or down */
  readonly isListed?: (origin: OriginStatus) => boolean;
}

/**
 * Reads the busy origins: those with fetches, blocked or down. Costs Redis little, even with
 * thousands of origins: a full read finds the busy ones, the reads in between update the first 50.
 */
export class OriginsReader {
  readonly #origins: Pick<Origins, 'list'>;
  readonly #isListed: (origin: OriginStatus) => boolean;
  #busy: readonly OriginStatus[] = [];
  #nextFullReadMs = 0;

  constructor(origins: Pick<Origins, 'list'>, { isListed = isBusy }: OriginsReaderOptions = {}) {
    this.#origins = origins;
    this.#isListed = isListed;
  }

  /** Busy origins, sorted by severity, then by response time, slowest first. */
  async read(): Promise<readonly OriginStatus[]> {
    const startMs = performance.now();
    if (startMs >= this.#nextFullReadMs) {
      this.#busy = (await this.#origins.list()).filter(this.#isListed).toSorted(bySeverity);
      const endMs = performance.now();
      const pauseMs = (endMs - startMs) * FULL_READ_PAUSE_FACTOR;
      this.#nextFullReadMs = endMs + Math.min(MAX_FULL_READ_PAUSE_MS, pauseMs);
      return this.#busy;
    }
    const watched = this.#busy.slice(0, MAX_WATCHED).map(({ origin }) => origin);
    const fresh = (await this.#origins.list(watched)).filter(this.#isListed);
    this.#busy = [...fresh.toSorted(bySeverity), ...this.#busy.slice(MAX_WATCHED)];
    return this.#busy;
  }
}

function isBusy({ breaker, blockedMs, robotsError, inUse, waiting }: OriginStatus): boolean {
  const isShut = breaker !== 'closed' || blockedMs !== undefined || robotsError !== undefined;
  return isShut || inUse > 0 || waiting > 0;
}

function bySeverity(a: OriginStatus, b: OriginStatus): number {
  return severityOf(b) - severityOf(a) || (b.durationMs ?? 0) - (a.durationMs ?? 0);
}

/**
 * 4 down, 3 blocked or without a robots.txt that can be had, 2 slowed down by a learned limit, 1
 * with waiting fetches, 0 otherwise.
 */
export function severityOf({
  breaker,
  blockedMs,
  robotsError,
  waiting,
  rate,
  concurrency,
}: OriginStatus): number {
  if (breaker !== 'closed') {
    return 4;
  }
  if (blockedMs !== undefined || robotsError !== undefined) {
    return 3;
  }
  if (rate.source === 'learned' || concurrency.source === 'learned') {
    return 2;
  }
  return waiting > 0 ? 1 : 0;
}

/**
 * Estimated time in milliseconds until the waiting fetches are done, at the limits of the origin.
 * Undefined if nothing waits, no limit binds, or there is no estimate: the origin is down, blocked
 * or has not answered yet.
 *
 * @param maxFetches count at most this many, because other batches may wait there too. @default all
 */
export function backlogMs(
  { breaker, blockedMs, waiting, rate, concurrency, durationMs = 0 }: OriginStatus,
  maxFetches = Infinity,
): number | undefined {
  const isHeld = breaker !== 'closed' || blockedMs !== undefined;
  if (isHeld || waiting === 0 || durationMs <= 0) {
    return undefined;
  }
  const byConcurrency =
    concurrency.limit === 'unlimited' ? Infinity : concurrency.limit / durationMs;
  const byRate = (rate.perSecond ?? Infinity) / 1_000;
  const perMs = Math.min(byConcurrency, byRate);
  return Number.isFinite(perMs) ? Math.min(waiting, maxFetches) / perMs : undefined;
}
