import { type Crawl, isBatchId } from '@fetchfleet/crawl';
import { z } from 'zod';
import { instantMs } from '../redis/stored-state.ts';
import { retention } from './retention.ts';
import { problemOfCron, problemOfTimeZone } from './cron.ts';

/** What a tick does while the batch before still runs. `queue` keeps at most one run waiting. */
export const OVERLAPS = ['skip', 'queue', 'allow'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** When a schedule runs. */
export const scheduleTerms = z.object({
  /** Path of the crawl file where the schedule was added, for people. */
  source: z.string(),
  /** Five fields, six with seconds, or an alias like `@daily`. */
  cron: z.string().refine((cron) => problemOfCron(cron) === undefined),
  /** IANA name. @default 'UTC' */
  tz: z.string().refine((tz) => problemOfTimeZone(tz) === undefined),
  /** @default 'skip' */
  overlap: z.enum(OVERLAPS),
  /** How late a missed tick may still run, in milliseconds; 0 never. @default 1 h */
  catchUpMs: z.number().nonnegative(),
  /** Which of its batches stay. @default all */
  keep: retention.optional(),
});

export type ScheduleTerms = Readonly<z.infer<typeof scheduleTerms>>;

/** What a user defines. */
export interface ScheduleSpec extends ScheduleTerms {
  /** List files are kept with the schedule: their paths are `stored:…`. Secrets are names only. */
  readonly crawl: Crawl;
}

/**
 * One tick, or one `run-now`.
 *
 *     queued ──the batch before has ended──▶ starting ──expanded──▶ started
 *                                               └──given up──▶ failed
 *     skipped: the batch before still ran · missed: no worker ran in time
 */
const runState = z.enum(['queued', 'starting', 'started', 'skipped', 'missed', 'failed']);

export const scheduleRun = z.object({
  /** Unique in its schedule: a tick has one run. */
  key: z.string(),
  kind: z.enum(['tick', 'manual']),
  /** When it was due, in epoch milliseconds. */
  at: instantMs,
  state: runState,
  /** The batch that it has or will have. */
  batch: z.string().refine(isBatchId).optional(),
  /** Why it did not start. */
  reason: z.string().optional(),
  /** When its state was decided, in epoch milliseconds by the clock of Redis. */
  decidedAt: instantMs,
  /** It was late, within the catch-up window. */
  isCaughtUp: z.boolean().optional(),
  /** How many ticks this entry stands for, if several were missed. */
  count: z.number().int().positive().optional(),
  /** How its batch has ended, as it was then: the batch may be removed before the run is. */
  ended: z
    .object({
      state: z.enum(['finished', 'cancelled']),
      at: instantMs,
      tookMs: z.number().nonnegative(),
      total: z.number().int().nonnegative(),
      failed: z.number().int().nonnegative(),
    })
    .optional(),
});

export type ScheduleRun = z.infer<typeof scheduleRun>;

export interface Schedule {
  readonly id: string;
  /** The name of the crawl, and of its batches. The crawl may be large and is read separately. */
  readonly name: string;
  readonly terms: ScheduleTerms;
  readonly isPaused: boolean;
  /** Grows with every change: a decision by an outdated schedule is refused. */
  readonly revision: number;
  /** Epoch milliseconds. Everything up to this tick was decided. */
  readonly lastTick: number;
  readonly createdAt: number;
  readonly changedAt: number;
  /** The newest first, at most 50. */
  readonly runs: readonly ScheduleRun[];
  /** How many ticks and manual runs have become what, since it was added. */
  readonly counts: Readonly<Record<'started' | 'failed' | 'skipped' | 'missed', number>>;
  /** When a batch of it last finished, in epoch milliseconds. */
  readonly lastFinish?: number;
  /** When one last finished without failures, but for what robots.txt forbids. */
  readonly lastSuccess?: number;
}
