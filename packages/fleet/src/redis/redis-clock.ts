import type { Redis } from 'ioredis';
import { timeOf } from './servers.ts';

/** Synchronised clocks may differ by this much, and an answer may be this slow. */
export const CLOCK_TOLERANCE_MS = 1_000;

/** The clock of this machine beside that of Redis. */
export interface ClockReading {
  /** Milliseconds; negative if this machine is behind. */
  readonly aheadMs: number;
  /** More than a second, and more than the answer took. */
  readonly isFar: boolean;
  /** What Redis said, epoch milliseconds, and between which moments of `performance.now()`. */
  readonly redisMs: number;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/**
 * @param at.key in a cluster, the server that has it is asked
 * @param now epoch milliseconds of this machine, not corrected. @default `Date.now`
 */
export async function readClock(
  { redis, key }: { readonly redis: Redis; readonly key: string },
  now: () => number = Date.now,
): Promise<ClockReading> {
  const askedAt = performance.now();
  const redisMs = await timeOf(redis, key);
  const answeredAt = performance.now();
  const roundTripMs = answeredAt - askedAt;
  const aheadMs = now() - (redisMs + roundTripMs / 2);
  const isFar = Math.abs(aheadMs) > CLOCK_TOLERANCE_MS + roundTripMs;
  return { aheadMs, isFar, redisMs, askedAt, answeredAt };
}
