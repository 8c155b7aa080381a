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
  readonly workers: number;
  readonly redisMemoryBytes: number;
  /** 0 means no limit. */
  readonly redisMemoryLimitBytes: number;
  /** The caller bounds their number. */
  readonly origins: readonly GatedOrigin[];
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
  gauges.redisMemory.set(fleet.redisMemoryBytes);
  gauges.redisMemoryLimit.set(fleet.redisMemoryLimitBytes);
  recordOrigins(fleet.origins, gauges);
}
