import type { Schedule } from './schedule.ts';
import { latestTick } from './cron.ts';

/** Who is so late is still on time: a worker was busy, or its clock goes wrong. */
const ON_TIME_MS = 60_000;

/** The one tick to decide about now. */
export interface DueTick {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly verdict: 'run' | 'missed';
  /** It runs although it is late. */
  readonly isCaughtUp: boolean;
  /** Ticks before it that nobody ran; only the latest one is caught up. */
  readonly older: number;
  /** The latest of those. */
  readonly olderAt?: number;
}

/**
 * Of all ticks since the last one that was dealt with, only the latest counts: it runs if it is on time or within the window
 * of catching up, once; the others were missed.
 */
export function dueTick(
  { terms, lastTick }: Pick<Schedule, 'terms' | 'lastTick'>,
  nowMs: number,
): DueTick | undefined {
  const latest = latestTick(terms, { afterMs: lastTick, untilMs: nowMs });
  if (latest === undefined) return undefined;
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
