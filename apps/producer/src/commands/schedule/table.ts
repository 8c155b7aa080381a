import { endOf, type ScheduleRun, type ScheduleView } from '@fetchfleet/fleet';
import { textTable } from '../../report/text-table.ts';
import { formatCount, formatDuration, formatPercent } from '../../report/units.ts';

const COLUMNS = [
  { title: 'schedule' },
  { title: 'when' },
  { title: 'next run' },
  { title: 'last run', isOptional: true },
  { title: 'last batch', isOptional: true },
  { title: 'outcome' },
];

/** One line per schedule. @param width in columns */
export function schedulesTable(views: readonly ScheduleView[], width: number): string[] {
  const rows = views.map(cells);
  return textTable(COLUMNS, rows, width);
}

/** The runs of one schedule, newest first. @param width in columns */
export function historyTable(view: ScheduleView, width: number): string[] {
  const { runs, terms } = view.schedule;
  const rows = runs.map((run) => {
    const end = endOf(run, view);
    return [
      formatInstant(run.at, terms.tz),
      describeRun(run),
      end?.state ?? '–',
      end === undefined ? '–' : `${formatCount(end.failed)} of ${formatCount(end.total)}`,
      end === undefined ? '–' : formatDuration(end.tookMs),
      run.batch === undefined ? '–' : `${run.batch}${end?.isRemoved === true ? ' (removed)' : ''}`,
      run.reason ?? '',
    ];
  });
  const hasReasons = runs.some(({ reason = '' }) => reason !== '');
  const columns: Parameters<typeof textTable>[0] = [
    { title: 'time' },
    { title: 'what' },
    { title: 'ended' },
    { title: 'failed', align: 'right' },
    { title: 'took', align: 'right' },
    { title: 'batch', isOptional: hasReasons },
    { title: 'why', isOptional: !hasReasons },
  ];
  return textTable(columns, rows, width);
}

function cells({ schedule, nowMs, nextRun, lastRun, lastBatch }: ScheduleView): string[] {
  const { id, terms, isPaused, runs } = schedule;
  const [newest] = runs;
  const withoutBatch = newest !== undefined && newest !== lastRun ? `, then ${newest.state}` : '';
  return [
    id,
    `${terms.cron} ${terms.tz}`,
    isPaused ? 'paused' : nextRun === undefined ? 'never' : formatWhen(nextRun, nowMs),
    lastRun === undefined ? (newest?.state ?? '–') : formatWhen(lastRun.at, nowMs) + withoutBatch,
    lastBatch?.batch ?? lastRun?.batch ?? '–',
    lastRun !== undefined && lastRun.state !== 'started' ? lastRun.state : outcomeOf(lastBatch),
  ];
}

function outcomeOf(batch: ScheduleView['lastBatch']): string {
  if (batch === undefined) {
    return '–';
  }
  const { state, total, settled, failed } = batch;
  const progress = state === 'finished' ? '' : ` ${formatPercent(settled, total)}`;
  return `${state}${progress}, ${failed === 0 ? 'all ok' : `${formatCount(failed)} failed`}`;
}

function describeRun({ state, kind, isCaughtUp, count }: ScheduleRun): string {
  const how = isCaughtUp === true ? ', caught up' : kind === 'manual' ? ', by hand' : '';
  return `${state}${count !== undefined && count > 1 ? ` ${formatCount(count)}` : ''}${how}`;
}

/** `next run 2026-11-24 06:00 Europe/Oslo, in 3 h 20 min` */
export function formatNextRun({ schedule, nowMs, nextRun }: ScheduleView): string {
  if (nextRun === undefined) {
    return schedule.isPaused ? 'it is paused' : 'it has no next run';
  }
  return `next run ${formatInstant(nextRun, schedule.terms.tz)}, ${formatWhen(nextRun, nowMs)}`;
}

/** `in 3 h 20 min`, `12 s ago` */
function formatWhen(ms: number, nowMs: number): string {
  const distance = formatDuration(Math.max(1_000, Math.abs(ms - nowMs)));
  return ms > nowMs ? `in ${distance}` : `${distance} ago`;
}

/** `2026-11-24 06:00 Europe/Oslo`: the local time of the time zone. */
function formatInstant(ms: number, tz: string): string {
  const options = { timeZone: tz, dateStyle: 'short', timeStyle: 'medium' } as const;
  const text = new Intl.DateTimeFormat('sv-SE', options).format(ms);
  return `${text.replace(/:00$/u, '')} ${tz}`;
}
