import { BACKLOG_STATES } from './catalogue.ts';
import type { Instruments } from './instruments.ts';
import { type GatedOrigin, ORIGIN_GAUGES, recordOrigins } from './origin-gauges.ts';

/** The gauges of the whole fleet, by their keys in the catalogue. */
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

/** The fleet at one moment, as the one worker that exports it has asked for it. */
export interface FleetSeen {
  readonly backlog: Readonly<Record<(typeof BACKLOG_STATES)[number], number>>;
  readonly slices: Readonly<Record<string, number>>;
  readonly oldestPendingSeconds: number;
  /** How many batches are in each state. */
  readonly batches: Readonly<Record<string, number>>;
  /** Unfinished ones, of a bounded number. */
  readonly unfinished: readonly {
    readonly batch: string;
    readonly total: number;
    readonly settled: number;
    readonly failed: number;
  }[];
  readonly workers: number;
  readonly redisMemoryBytes: number;
  /** 0: unlimited. */
  readonly redisMemoryLimitBytes: number;
  /** Of a bounded number. */
  readonly origins: readonly GatedOrigin[];
}

/** Shows this alone: what is over or forgotten is on the page no longer. */
export function recordFleet(
  seen: FleetSeen,
  gauges: Pick<Instruments, (typeof FLEET_GAUGES)[number]>,
): void {
  for (const key of FLEET_GAUGES) gauges[key].reset();
  for (const state of BACKLOG_STATES) gauges.backlog.set({ state }, seen.backlog[state]);
  for (const [state, count] of Object.entries(seen.slices))
    gauges.queueSlices.set({ state }, count);
  for (const [state, count] of Object.entries(seen.batches)) gauges.batches.set({ state }, count);
  for (const { batch, ...counts } of seen.unfinished) {
    for (const state of ['total', 'settled', 'failed'] as const) {
      gauges.batchFetches.set({ batch, state }, counts[state]);
    }
  }
  gauges.oldestPending.set(seen.oldestPendingSeconds);
  gauges.workers.set(seen.workers);
  gauges.redisMemory.set(seen.redisMemoryBytes);
  gauges.redisMemoryLimit.set(seen.redisMemoryLimitBytes);
  recordOrigins(seen.origins, gauges);
}
