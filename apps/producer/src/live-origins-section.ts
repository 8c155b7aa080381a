import type { OriginStatus } from '@fetchfleet/fleet';
import { worry } from './live-origins.ts';
import { type Column, type Room, table } from './live-table.ts';
import type { Paint, Span } from './live-text.ts';
import { stateOf } from './origins-table.ts';
import type { Style } from './terminal.ts';
import { formatCount, formatDuration, formatRate } from './units.ts';

const STYLES: readonly Style[] = ['green', 'dim', 'yellow', 'yellow', 'red'];

/** The origins of the fleet that are at work or in trouble. */
export function originsSection(
  origins: readonly OriginStatus[],
  room: Room,
  paint: Paint,
): string[] {
  if (origins.length === 0) return [];
  const columns: readonly Column[] = [
    { title: titleOf(origins), min: 18, rank: 9 },
    { title: 'in flight', align: 'right', rank: 6 },
    { title: 'waiting', align: 'right', rank: 5 },
    { title: 'mean', align: 'right', rank: 4 },
    { title: 'rate', align: 'right', rank: 3 },
    { title: 'state', min: 16, rank: 8 },
  ];
  return table({ columns, rows: origins.map(cells) }, room, paint);
}

function titleOf(origins: readonly OriginStatus[]): string {
  const held = origins.filter((one) => worry(one) >= 2).length;
  return `origins (${formatCount(origins.length)}${held > 0 ? `, ${formatCount(held)} held back` : ''})`;
}

function cells(origin: OriginStatus): Span[] {
  const { inUse, concurrency, waiting, durationMs, rate } = origin;
  const of = concurrency.limit === 'unlimited' ? '' : ` of ${formatCount(concurrency.limit)}`;
  return [
    origin.origin,
    `${formatCount(inUse)}${of}`,
    waiting > 0 ? formatCount(waiting) : '',
    durationMs === undefined ? '' : formatDuration(durationMs),
    rate.perSecond === undefined ? '' : formatRate(rate.perSecond),
    [STYLES[worry(origin)] ?? 'dim', describe(origin)],
  ];
}

/** What the state leaves unsaid: why an origin that fetches gets no more. */
function describe(origin: OriginStatus): string {
  const state = stateOf(origin);
  const { rate, concurrency } = origin;
  if (state !== 'fetching' && state !== 'waiting') return state;
  if (rate.source === 'learned') return `${state}, rate learned`;
  if (concurrency.source === 'learned') return `${state}, slowed down`;
  return rate.source === 'robots.txt' ? `${state}, robots.txt` : state;
}
