import type { InspectedOrigin, LimitSource } from '../gate/protocol.ts';

/**
 * What the gate knows of one origin. Instants are ISO 8601, and all times are by the clock of
 * Redis.
 */
export interface OriginStatus {
  readonly origin: string;
  readonly rate: {
    /** `5/s`, `90/m`, `unlimited` */
    readonly limit: string;
    /** Absent where it is unlimited. */
    readonly perSecond?: number;
    readonly source: LimitSource;
  };
  /** Starts allowed at once before the rate spaces them. */
  readonly burst: number;
  /** Fetches in flight over the whole fleet. */
  readonly concurrency: { readonly limit: number | 'unlimited'; readonly source: LimitSource };
  /** Permits in use: fetches in flight, and starts that are promised. */
  readonly inUse: number;
  /** Workers that hold these permits. */
  readonly workers: number;
  /** Deferred fetches. */
  readonly waiting: number;
  /** End of a Retry-After or of a back-off. Absent while the origin is not blocked. */
  readonly blockedUntil?: string;
  readonly blockedMs?: number;
  /** Reason of the block, such as `429`. */
  readonly blockedFor?: string;
  /** `open`: it fails, and no fetch starts; `half-open`: one fetch of the whole fleet probes it. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  readonly openUntil?: string;
  readonly openMs?: number;
  /**
   * Why it is down or blocked, as a phrase about it: `refused the connection`. Absent while it is
   * neither.
   */
  readonly lastError?: string;
  /** Why its robots.txt cannot be had, while fetches wait for that. */
  readonly robotsError?: string;
  /** Fetches per second, learned from refusals. Absent if there were none. */
  readonly learnedRate?: number;
  /** Moving average of the duration of a fetch. Absent before the first has ended. */
  readonly durationMs?: number;
}

/** Shapes the reply of INSPECT for people. */
export function originStatus(origin: string, inspected: InspectedOrigin): OriginStatus {
  const {
    intervalUs: intervalText,
    intervalSource,
    burst,
    concurrency = 'unlimited',
    concurrencySource,
    inUse,
    workers,
    waiting,
    breaker,
    blockedUntilMs,
    openUntilMs,
    ...times
  } = inspected;
  const intervalUs = Number(intervalText);
  return {
    origin,
    rate: {
      limit: rateText(intervalUs),
      ...(intervalUs > 0 && { perSecond: 1e6 / intervalUs }),
      source: intervalSource,
    },
    burst,
    concurrency: { limit: concurrency, source: concurrencySource },
    inUse,
    workers,
    waiting,
    breaker,
    ...(blockedUntilMs !== undefined && { blockedUntil: new Date(blockedUntilMs).toISOString() }),
    ...(openUntilMs !== undefined && { openUntil: new Date(openUntilMs).toISOString() }),
    ...times,
  };
}

const UNITS = [
  ['s', 1e6],
  ['m', 60e6],
  ['h', 3_600e6],
] as const;

/** In the largest number that is easy to read: 5/s, 30/m for 0.5/s, 1/h for one an hour. */
export function rateText(intervalUs: number): string {
  if (intervalUs === 0) {
    return 'unlimited';
  }
  const [unit, us] = UNITS.find(([, each]) => each / intervalUs >= 0.995) ?? UNITS[2];
  const count = us / intervalUs;
  return `${Number(count.toFixed(count >= 100 ? 0 : count >= 10 ? 1 : 2))}/${unit}`;
}
