import type { WorkerInfo } from '@fetchfleet/fleet';
import { type Column, type Room, table } from './table.ts';
import { line, type Paint, type Span } from './text.ts';
import type { Style } from '../core/terminal.ts';
import { formatCount, formatDuration, formatRate } from '../report/units.ts';

const STYLES: Readonly<Record<WorkerInfo['state'], Style>> = {
  working: 'green',
  idle: 'dim',
  draining: 'yellow',
  'sink-failing': 'red',
  gone: 'red',
};
/** Whoever has missed that is worth a look. */
const NOTABLE_SILENCE_MS = 5_000;

/** The workers of the fleet: those in trouble first. */
export function workersSection(workers: readonly WorkerInfo[], room: Room, paint: Paint): string[] {
  if (workers.length === 0) return [];
  const there = workers.filter(({ state }) => state !== 'gone');
  const inFlight = there.reduce((sum, one) => sum + one.inFlight, 0);
  const permits = there.reduce((sum, one) => sum + one.concurrency, 0);
  const columns: readonly Column[] = [
    { title: `workers (${formatCount(there.length)})`, min: 12, rank: 9 },
    { title: 'in flight', align: 'right', rank: 7 },
    { title: 'fetches', align: 'right', rank: 5 },
    { title: 'where', min: 12, rank: 4 },
    { title: 'state', min: 10, rank: 8 },
  ];
  const rows = workers.toSorted((a, b) => trouble(b) - trouble(a)).map(cells);
  const lines = table({ columns, rows }, room, paint);
  if (lines.length > 0 || room.height < 1) return lines;
  const text = `workers (${formatCount(there.length)}): ${formatCount(inFlight)} of ${formatCount(permits)} in flight`;
  return [line([['dim', text]], room.width, paint)];
}

function trouble({ state }: WorkerInfo): number {
  return state === 'sink-failing' ? 3 : state === 'gone' ? 2 : state === 'draining' ? 1 : 0;
}

function cells(worker: WorkerInfo): Span[] {
  const { id, inFlight, concurrency, fetchesPerSecond, host, pid, state, silentMs } = worker;
  const isGone = state === 'gone';
  const silent = silentMs >= NOTABLE_SILENCE_MS ? `, silent for ${formatDuration(silentMs)}` : '';
  return [
    id,
    isGone ? '' : `${formatCount(inFlight)} of ${formatCount(concurrency)}`,
    isGone ? '' : formatRate(fetchesPerSecond),
    `${host} ${pid}`,
    [STYLES[state], `${state}${silent}`],
  ];
}
