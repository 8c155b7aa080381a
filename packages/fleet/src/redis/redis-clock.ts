import type { Redis } from 'ioredis';
import { timeOf } from './servers.ts';

/** Synchronised clocks may differ by this much, and an answer may be this slow. */
export const CLOCK_TOLERANCE_MS = 1_000;

/** The clock of this machine beside that of Redis. */
interface ClockReading {
  /** Milliseconds; negative if this machine is behind. */
  readonly aheadMs: number;
  /** More than a second, and more than the answer took. */
  readonly isFar: boolean;
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
  const answer = await timeOf(redis, key);
  const roundTripMs = performance.now() - askedAt;
  const redisMs = answer + roundTripMs / 2;
  const aheadMs = now() - redisMs;
  return { aheadMs, isFar: Math.abs(aheadMs) > CLOCK_TOLERANCE_MS + roundTripMs };
}
