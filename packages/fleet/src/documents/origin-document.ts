import type { OriginStatus } from '../origins/origin-status.ts';

/**
 * An origin as `--json` prints it. A field that does not apply is null: all keys are always there.
 */
export interface OriginDocument {
  readonly origin: string;
  readonly rate: {
    readonly limit: string;
    readonly perSecond: number | null;
    readonly source: OriginStatus['rate']['source'];
  };
  readonly burst: number;
  readonly concurrency: OriginStatus['concurrency'];
  readonly inUse: number;
  readonly workers: number;
  readonly waiting: number;
  readonly blockedUntil: string | null;
  /** Remaining time, for readers whose clock differs from that of Redis. */
  readonly blockedMs: number | null;
  readonly blockedFor: string | null;
  readonly breaker: OriginStatus['breaker'];
  readonly openUntil: string | null;
  readonly openMs: number | null;
  /** Why it is down or blocked. */
  readonly lastError: string | null;
  /** Why its robots.txt cannot be had, while fetches wait for that. */
  readonly robotsError: string | null;
  readonly learnedRate: number | null;
  readonly durationMs: number | null;
}

export function originDocument(status: OriginStatus): OriginDocument {
  return {
    origin: status.origin,
    rate: {
      limit: status.rate.limit,
      perSecond: status.rate.perSecond ?? null,
      source: status.rate.source,
    },
    burst: status.burst,
    concurrency: status.concurrency,
    inUse: status.inUse,
    workers: status.workers,
    waiting: status.waiting,
    blockedUntil: status.blockedUntil ?? null,
    blockedMs: status.blockedMs ?? null,
    blockedFor: status.blockedFor ?? null,
    breaker: status.breaker,
    openUntil: status.openUntil ?? null,
    openMs: status.openMs ?? null,
    lastError: status.lastError ?? null,
    robotsError: status.robotsError ?? null,
    learnedRate: status.learnedRate ?? null,
    durationMs: status.durationMs ?? null,
  };
}
