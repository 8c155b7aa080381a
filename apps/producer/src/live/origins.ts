import type { Origins, OriginStatus } from '@fetchfleet/fleet';

/** Of many, these are read every time. */
const WATCHED = 50;
/** Looking through all of them may take a fiftieth of the time … */
const FULL_SHARE = 50;
/** … but happens at least this often. */
const MAX_INTERVAL_MS = 30_000;

/**
 * The origins that are worth showing, read in a way that Redis hardly notices: of thousands, those at work or in trouble are picked
 * out now and then, and only these are followed.
 */
export class LiveOrigins {
  readonly #origins: Pick<Origins, 'list'>;
  #all: readonly OriginStatus[] = [];
  #nextFullMs = 0;

  constructor(origins: Pick<Origins, 'list'>) {
    this.#origins = origins;
  }

  /** Those at work, waiting or in trouble; the worst first, then the slowest. */
  async read(): Promise<readonly OriginStatus[]> {
    const startMs = performance.now();
    if (startMs >= this.#nextFullMs) {
      this.#all = (await this.#origins.list()).filter(isBusy).toSorted(byWorry);
      const endMs = performance.now();
      this.#nextFullMs = endMs + Math.min(MAX_INTERVAL_MS, (endMs - startMs) * FULL_SHARE);
      return this.#all;
    }
    const watched = this.#all.slice(0, WATCHED).map(({ origin }) => origin);
    const fresh = (await this.#origins.list(watched)).filter(isBusy);
    this.#all = [...fresh.toSorted(byWorry), ...this.#all.slice(WATCHED)];
    return this.#all;
  }
}

function isBusy({ breaker, blockedMs, inUse, waiting }: OriginStatus): boolean {
  return breaker !== 'closed' || blockedMs !== undefined || inUse > 0 || waiting > 0;
}

function byWorry(a: OriginStatus, b: OriginStatus): number {
  return worry(b) - worry(a) || (b.durationMs ?? 0) - (a.durationMs ?? 0);
}

/** Down, then blocked, then held back by a limit, then the others. */
export function worry({ breaker, blockedMs, waiting, rate, concurrency }: OriginStatus): number {
  if (breaker !== 'closed') return 4;
  if (blockedMs !== undefined) return 3;
  if (rate.source === 'learned' || concurrency.source === 'learned') return 2;
  return waiting > 0 ? 1 : 0;
}

/**
 * Milliseconds until what waits there has been fetched, at the pace that the origin allows; undefined where nothing waits or nobody can
 * tell: it is down, blocked, or has not answered yet.
 *
 * @param most of what waits: other batches may wait there as well. @default all
 */
export function backlogMs(
  { breaker, blockedMs, waiting, rate, concurrency, durationMs = 0 }: OriginStatus,
  most = Infinity,
): number | undefined {
  const isHeld = breaker !== 'closed' || blockedMs !== undefined;
  if (isHeld || waiting === 0 || durationMs <= 0) return undefined;
  const perMs = concurrency.limit === 'unlimited' ? Infinity : concurrency.limit / durationMs;
  const pace = Math.min(perMs, (rate.perSecond ?? Infinity) / 1_000);
  return Number.isFinite(pace) ? Math.min(waiting, most) / pace : undefined;
}
