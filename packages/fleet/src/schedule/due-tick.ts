import type { Schedule } from './schedule.ts';
import { latestTick } from './cron.ts';

/** Ticks up to this late count as on time: a worker was busy, or its clock is wrong. */
const ON_TIME_MS = 60_000;

/** The tick to decide about now. */
export interface DueTick {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly verdict: 'run' | 'missed';
  /** It is late, but runs because it is within the catch-up window. */
  readonly isCaughtUp: boolean;
  /** Ticks before it that no worker ran. Only the latest tick is caught up. */
  readonly older: number;
  /** The latest of these, in epoch milliseconds. */
  readonly olderAt?: number;
}

/**
 * The latest tick since the last decision. It runs if it is on time or within the catch-up window;
 * all ticks before it are missed.
 */
export function dueTick(
  { terms, lastTick }: Pick<Schedule, 'terms' | 'lastTick'>,
  nowMs: number,
): DueTick | undefined {
  const latest = latestTick(terms, { afterMs: lastTick, untilMs: nowMs });
  if (latest === undefined) {
    return undefined;
  }
  const lateMs = nowMs - latest.at;
  const isOnTime = lateMs <= ON_TIME_MS;
  const isCaughtUp = !isOnTime && lateMs <= terms.catchUpMs;
  return {
    at: latest.at,
    verdict: isOnTime || isCaughtUp ? 'run' : 'missed',
    isCaughtUp,
    older: latest.count - 1,
    ...(latest.before !== undefined && { olderAt: latest.before }),
  };
}
