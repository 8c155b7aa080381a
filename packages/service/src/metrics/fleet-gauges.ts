import { BACKLOG_STATES } from './catalogue.ts';
import type { Instruments } from './instruments.ts';
import { type GatedOrigin, ORIGIN_GAUGES, recordOrigins } from './origin-gauges.ts';

/** Keys in the catalogue of the gauges of the whole fleet. */
export const FLEET_GAUGES = [
  'backlog',
  'queueSlices',
  'oldestPending',
  'batches',
  'batchFetches',
  'scheduleRuns',
  'scheduleLastFinish',
  'scheduleLastSuccess',
  'scheduleInterval',
  'nextRun',
  'notificationsWaiting',
  'notificationsLost',
  'removalsWaiting',
  'workers',
  'redisMemory',
  'redisMemoryLimit',
  ...ORIGIN_GAUGES,
] as const;

/** The fleet at one moment, read by the worker that exports it. */
export interface FleetState {
  readonly backlog: Readonly<Record<(typeof BACKLOG_STATES)[number], number>>;
  readonly slices: Readonly<Record<string, number>>;
  readonly oldestPendingSeconds: number;
  /** Number of batches in each state. */
  readonly batches: Readonly<Record<string, number>>;
  /** Unfinished batches; the caller bounds their number. */
  readonly unfinished: readonly {
    readonly batch: string;
    readonly total: number;
    readonly settled: number;
    readonly failed: number;
  }[];
  /** The caller bounds their number. */
  readonly schedules: readonly ScheduleState[];
  /** When one of all schedules next needs a worker, in epoch milliseconds. */
  readonly nextRunMs?: number | undefined;
  readonly notifications: { readonly waiting: number; readonly lost: number };
  readonly removalsWaiting: number;
  readonly workers: number;
  /** 0 means not known. */
  readonly redisMemoryBytes: number;
  /** 0 means no limit, or not known. */
  readonly redisMemoryLimitBytes: number;
  /** The caller bounds their number. */
  readonly origins: readonly GatedOrigin[];
}

interface ScheduleState {
  readonly schedule: string;
  /** Runs since it was added, by what they have become. */
  readonly counts: Readonly<Record<string, number>>;
  /** Epoch milliseconds. */
  readonly lastFinish?: number | undefined;
  readonly lastSuccess?: number | undefined;
  readonly intervalMs?: number | undefined;
}

/** Sets the gauges of the fleet; series of an earlier state disappear. */
export function recordFleet(
  fleet: FleetState,
  gauges: Pick<Instruments, (typeof FLEET_GAUGES)[number]>,
): void {
  for (const key of FLEET_GAUGES) {
    gauges[key].reset();
  }
  for (const state of BACKLOG_STATES) {
    gauges.backlog.set({ state }, fleet.backlog[state]);
  }
  for (const [state, count] of Object.entries(fleet.slices)) {
    gauges.queueSlices.set({ state }, count);
  }
  for (const [state, count] of Object.entries(fleet.batches)) {
    gauges.batches.set({ state }, count);
  }
  for (const { batch, ...counts } of fleet.unfinished) {
    for (const state of ['total', 'settled', 'failed'] as const) {
      gauges.batchFetches.set({ batch, state }, counts[state]);
    }
  }
  gauges.oldestPending.set(fleet.oldestPendingSeconds);
  gauges.workers.set(fleet.workers);
  if (fleet.redisMemoryBytes === 0) {
    // Not known: 0 would look like an empty Redis without a limit.
    gauges.redisMemory.remove();
    gauges.redisMemoryLimit.remove();
  } else {
    gauges.redisMemory.set(fleet.redisMemoryBytes);
    gauges.redisMemoryLimit.set(fleet.redisMemoryLimitBytes);
  }
  gauges.notificationsWaiting.set(fleet.notifications.waiting);
  gauges.notificationsLost.inc(fleet.notifications.lost);
  gauges.removalsWaiting.set(fleet.removalsWaiting);
  recordSchedules(fleet.schedules, gauges);
  if (fleet.nextRunMs === undefined) {
    // A gauge without labels is 0 otherwise, which would be a run of 1970.
    gauges.nextRun.remove();
  } else {
    gauges.nextRun.set(fleet.nextRunMs / 1000);
  }
  recordOrigins(fleet.origins, gauges);
}

function recordSchedules(
  schedules: FleetState['schedules'],
  gauges: Pick<Instruments, (typeof FLEET_GAUGES)[number]>,
): void {
  for (const { schedule, counts, lastFinish, lastSuccess, intervalMs } of schedules) {
    for (const [result, count] of Object.entries(counts)) {
      gauges.scheduleRuns.inc({ schedule, result }, count);
    }
    const times = [
      [gauges.scheduleLastFinish, lastFinish],
      [gauges.scheduleLastSuccess, lastSuccess],
      [gauges.scheduleInterval, intervalMs],
    ] as const;
    for (const [gauge, ms] of times) {
      if (ms !== undefined) {
        gauge.set({ schedule }, ms / 1000);
      }
    }
  }
}
