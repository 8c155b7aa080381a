import { type BatchStatus, nextTick, type Schedule, type ScheduleRun } from '@fetchfleet/fleet';
import type { FleetSession } from '../../session/fleet-session.ts';
import { statusDocument } from '../../report/status-document.ts';

/** A schedule with what people ask about it. */
export interface ScheduleView {
  readonly schedule: Schedule;
  /** Epoch milliseconds; undefined while it is paused. */
  readonly nextRun: number | undefined;
  /** The newest one that came to a batch, or failed to. */
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
    lastBatch: batch === undefined ? undefined : await ledger.status(batch),
  };
}

/** The document of one schedule: instants in ISO 8601, durations in milliseconds; what is not known is null. */
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
