import { type BatchStatus, durationMs } from '../ledger/batch-status.ts';
import type { LedgerReader } from '../ledger/ledger-reader.ts';
import { nextTick } from '../schedule/cron.ts';
import type { Schedule, ScheduleRun } from '../schedule/schedule.ts';
import { statusDocument } from './batch-document.ts';

/** A schedule with its next and last run. */
export interface ScheduleView {
  readonly schedule: Schedule;
  /** When it was looked at, epoch milliseconds. */
  readonly nowMs: number;
  /** Epoch milliseconds; undefined while the schedule is paused. */
  readonly nextRun: number | undefined;
  /** The newest run that started a batch or failed to. Skipped and missed ticks do not count. */
  readonly lastRun: ScheduleRun | undefined;
  readonly lastBatch: BatchStatus | undefined;
  /** The batches of its runs that are known still; undefined if they were not asked for. */
  readonly batches: ReadonlyMap<string, BatchStatus> | undefined;
}

/** How far a run has come, or how it has ended. */
interface RunEnd {
  readonly state: BatchStatus['state'];
  readonly total: number;
  readonly failed: number;
  readonly tookMs: number;
  /** Its batch was removed since. */
  readonly isRemoved: boolean;
}

/** Undefined for a run without a batch, and for one that is starting. */
export function endOf(
  { batch, ended }: ScheduleRun,
  { batches, nowMs }: Pick<ScheduleView, 'batches' | 'nowMs'>,
): RunEnd | undefined {
  const status = batch === undefined ? undefined : batches?.get(batch);
  if (status === undefined) {
    return ended && { ...ended, isRemoved: batches !== undefined };
  }
  const { state, total, failed } = status;
  // A batch that was cancelled took what it took until then.
  const endMs = Date.parse(status.cancelledAt ?? '') || nowMs;
  return { state, total, failed, tookMs: durationMs(status, endMs), isRemoved: false };
}

/** @param options.nowMs epoch milliseconds. @default `Date.now()`, where that follows Redis */
export async function viewSchedule(
  ledger: Pick<LedgerReader, 'statuses'>,
  schedule: Schedule,
  {
    withRuns = false,
    nowMs = Date.now(),
  }: { readonly withRuns?: boolean; readonly nowMs?: number } = {},
): Promise<ScheduleView> {
  const { runs, terms, isPaused } = schedule;
  const lastRun = runs.find(({ state }) => state !== 'skipped' && state !== 'missed');
  const batch = runs.find((run) => run.state === 'started')?.batch;
  const ids = withRuns
    ? runs.flatMap((run) => run.batch ?? [])
    : batch === undefined
      ? []
      : [batch];
  const found = new Map((await ledger.statuses(ids)).map((one) => [one.batch, one]));
  return {
    schedule,
    nowMs,
    nextRun: isPaused ? undefined : nextTick(terms, nowMs),
    lastRun,
    lastBatch: batch === undefined ? undefined : found.get(batch),
    batches: withRuns ? found : undefined,
  };
}

/** The `--json` document of a schedule. Times are ISO 8601; unknown values are null. */
export function scheduleDocument(view: ScheduleView) {
  const { schedule, nextRun, lastRun, lastBatch } = view;
  const { id, name, terms, isPaused, createdAt, changedAt, runs } = schedule;
  const { cron, tz, overlap, catchUpMs, keep, source } = terms;
  return {
    id,
    name,
    cron,
    tz,
    overlap,
    catchUpMs,
    keep: keep ?? null,
    paused: isPaused,
    source,
    createdAt: instant(createdAt),
    changedAt: instant(changedAt),
    nextRun: nextRun === undefined ? null : instant(nextRun),
    lastRun: lastRun === undefined ? null : runDocument(lastRun, view),
    lastBatch: lastBatch === undefined ? null : statusDocument(lastBatch),
    lastFinish: schedule.lastFinish === undefined ? null : instant(schedule.lastFinish),
    lastSuccess: schedule.lastSuccess === undefined ? null : instant(schedule.lastSuccess),
    runs: runs.map((run) => runDocument(run, view)),
  };
}

/** The `--json` document of a run. */
export function runDocument(
  run: ScheduleRun,
  view: Pick<ScheduleView, 'batches' | 'nowMs'> = { batches: undefined, nowMs: 0 },
) {
  const { kind, at, state, batch, reason, isCaughtUp, count } = run;
  const end = endOf(run, view);
  return {
    at: instant(at),
    kind,
    state,
    batch: batch ?? null,
    reason: reason ?? null,
    caughtUp: isCaughtUp === true,
    count: count ?? 1,
    ended: end?.state ?? null,
    total: end?.total ?? null,
    failed: end?.failed ?? null,
    tookMs: end?.tookMs ?? null,
    removed: end?.isRemoved ?? false,
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
