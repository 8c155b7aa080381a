import {
  type BatchStatus,
  nextTick,
  type Schedule,
  type ScheduleRun,
  statusDocument,
} from '@fetchfleet/fleet';
import type { FleetSession } from '../../session/fleet-session.ts';

/** A schedule with its next and last run. */
export interface ScheduleView {
  readonly schedule: Schedule;
  /** Epoch milliseconds; undefined while the schedule is paused. */
  readonly nextRun: number | undefined;
  /** The newest run that started a batch or failed to. Skipped and missed ticks do not count. */
  readonly lastRun: ScheduleRun | undefined;
  readonly lastBatch: BatchStatus | undefined;
}

export async function viewSchedule(
  { ledger }: FleetSession,
  schedule: Schedule,
): Promise<ScheduleView> {
  const { runs, terms, isPaused } = schedule;
  const lastRun = runs.find(({ state }) => state !== 'skipped' && state !== 'missed');
  const batch = runs.find((run) => run.state === 'started')?.batch;
  return {
    schedule,
    nextRun: isPaused ? undefined : nextTick(terms, Date.now()),
    lastRun,
    lastBatch: batch === undefined ? undefined : (await ledger.statuses([batch]))[0],
  };
}

/** The `--json` document of a schedule. Times are ISO 8601; unknown values are null. */
export function scheduleDocument({ schedule, nextRun, lastRun, lastBatch }: ScheduleView) {
  const { id, name, terms, isPaused, createdAt, changedAt, runs } = schedule;
  const { cron, tz, overlap, catchUpMs, source } = terms;
  return {
    id,
    name,
    cron,
    tz,
    overlap,
    catchUpMs,
    paused: isPaused,
    source,
    createdAt: instant(createdAt),
    changedAt: instant(changedAt),
    nextRun: nextRun === undefined ? null : instant(nextRun),
    lastRun: lastRun === undefined ? null : runDocument(lastRun),
    lastBatch: lastBatch === undefined ? null : statusDocument(lastBatch),
    runs: runs.map(runDocument),
  };
}

/** The `--json` document of a run. */
export function runDocument({ kind, at, state, batch, reason, isCaughtUp, count }: ScheduleRun) {
  return {
    at: instant(at),
    kind,
    state,
    batch: batch ?? null,
    reason: reason ?? null,
    caughtUp: isCaughtUp === true,
    count: count ?? 1,
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
