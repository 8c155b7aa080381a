import type { WorkerInfo } from '@fetchfleet/fleet';
import type { Span, Style } from '../core/terminal.ts';
import { formatCount, formatDuration, formatRate } from '../report/units.ts';
import { line, type Paint } from './styled-text.ts';
import { type Area, type Column, table } from './table.ts';

const STYLES: Readonly<Record<WorkerInfo['state'], Style>> = {
  working: 'green',
  idle: 'dim',
  draining: 'yellow',
  'sink-failing': 'red',
  gone: 'red',
};
/** A heartbeat that is older than this is shown. */
const SHOWN_SILENCE_MS = 5_000;

/** The workers of the fleet, those with problems first. */
export function workersSection(workers: readonly WorkerInfo[], area: Area, paint: Paint): string[] {
  if (workers.length === 0) {
    return [];
  }
  const alive = workers.filter(({ state }) => state !== 'gone');
  const inFlight = alive.reduce((sum, one) => sum + one.inFlight, 0);
  const capacity = alive.reduce((sum, one) => sum + one.concurrency, 0);
  const title = `workers (${formatCount(alive.length)})`;
  const columns: readonly Column[] = [
    { title, minWidth: 12, importance: 9 },
    { title: 'in flight', align: 'right', importance: 7 },
    { title: 'fetches', align: 'right', importance: 5 },
    { title: 'where', minWidth: 12, importance: 4 },
    { title: 'state', minWidth: 10, importance: 8 },
  ];
  const rows = workers.toSorted((a, b) => severityOf(b) - severityOf(a)).map(cells);
  const lines = table({ columns, rows }, area, paint);
  if (lines.length > 0 || area.height < 1) {
    return lines;
  }
  const text = `${title}: ${formatCount(inFlight)} of ${formatCount(capacity)} in flight`;
  return [line([['dim', text]], area.width, paint)];
}

function severityOf({ state }: WorkerInfo): number {
  return state === 'sink-failing' ? 3 : state === 'gone' ? 2 : state === 'draining' ? 1 : 0;
}

function cells(worker: WorkerInfo): Span[] {
  const { id, inFlight, concurrency, fetchesPerSecond, host, pid, state, silentMs } = worker;
  const isGone = state === 'gone';
  const silent = silentMs >= SHOWN_SILENCE_MS ? `, silent for ${formatDuration(silentMs)}` : '';
  return [
    id,
    isGone ? '' : `${formatCount(inFlight)} of ${formatCount(concurrency)}`,
    isGone ? '' : formatRate(fetchesPerSecond),
    `${host} ${pid}`,
    [STYLES[state], `${state}${silent}`],
  ];
}
