import type { Crawl } from '@fetchfleet/crawl';
import { z } from 'zod';

/** What happens to a tick while the batch before still runs: `queue` keeps at most one waiting. */
export const OVERLAPS = ['skip', 'queue', 'allow'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** When a schedule runs. */
export interface ScheduleTerms {
  /** Path of the crawl file where the schedule was added, for people. */
  readonly source: string;
  /** Five fields, six with seconds, or `@daily` and its like. */
  readonly cron: string;
  /** IANA name. @default 'UTC' */
  readonly tz: string;
  /** @default 'skip' */
  readonly overlap: Overlap;
  /** How late a missed tick may still run, in milliseconds; 0 never. @default 1 h */
  readonly catchUpMs: number;
}

/** What a person decides about a schedule. */
export interface ScheduleSpec extends ScheduleTerms {
  /** Lists of files are kept with the schedule: their paths are `stored:…`. Secrets are names. */
  readonly crawl: Crawl;
}

/**
 * One tick, or one `run-now`.
 *
 *     queued ──the batch before has ended──▶ starting ──expanded──▶ started
 *                                               └──given up──▶ failed
 *     skipped: the batch before still ran · missed: no worker was there in time
 */
const runState = z.enum(['queued', 'starting', 'started', 'skipped', 'missed', 'failed']);

export const scheduleRun = z.object({
  /** Of its schedule: a tick has one run, whoever sees it first. */
  key: z.string(),
  kind: z.enum(['tick', 'manual']),
  /** When it was to be, in epoch milliseconds. */
  at: z.number(),
  state: runState,
  /** The batch it has, or will have. */
  batch: z.string().optional(),
  /** Why it did not start. */
  reason: z.string().optional(),
  /** When that was decided, in epoch milliseconds by the clock of Redis. */
  decidedAt: z.number(),
  /** It ran although it was late. */
  isCaughtUp: z.boolean().optional(),
  /** Ticks that this entry stands for, if several were missed. */
  count: z.number().optional(),
});

export type ScheduleRun = z.infer<typeof scheduleRun>;

export interface Schedule {
  readonly id: string;
  /** Of the crawl: batches are called after it. The crawl itself may be large, and is read apart. */
  readonly name: string;
  readonly terms: ScheduleTerms;
  readonly isPaused: boolean;
  /** Grows with every change, so that nobody decides by what was. */
  readonly revision: number;
  /** Epoch milliseconds; ticks up to here are dealt with. */
  readonly lastTick: number;
  readonly createdAt: number;
  readonly changedAt: number;
  /** The newest first, at most 50. */
  readonly runs: readonly ScheduleRun[];
}
