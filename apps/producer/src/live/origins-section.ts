import type { OriginStatus } from '@fetchfleet/fleet';
import { backlogMs, worry } from './origins.ts';
import { type Column, type Room, table } from './table.ts';
import type { Paint, Span } from './text.ts';
import type { Style } from '../core/terminal.ts';
import { formatCount, formatDuration, formatRate } from '../report/units.ts';

const STYLES: readonly Style[] = ['green', 'dim', 'yellow', 'yellow', 'red'];

/** The origins of the fleet that are at work or in trouble. */
export function originsSection(
  origins: readonly OriginStatus[],
  room: Room,
  paint: Paint,
): string[] {
  if (origins.length === 0) return [];
  const columns: readonly Column[] = [
    { title: titleOf(origins), min: 22, rank: 9 },
    { title: 'in flight', align: 'right', rank: 6 },
    { title: 'waiting', align: 'right', rank: 5 },
    { title: 'left', align: 'right', rank: 4 },
    { title: 'mean', align: 'right', rank: 3 },
    { title: 'rate', align: 'right', rank: 2 },
    { title: 'state', min: 16, rank: 8 },
  ];
  return table({ columns, rows: origins.map(cells) }, room, paint);
}

function titleOf(origins: readonly OriginStatus[]): string {
  const held = origins.filter((one) => worry(one) >= 2).length;
  return `origins (${formatCount(origins.length)}${held > 0 ? `, ${formatCount(held)} held` : ''})`;
}

function cells(origin: OriginStatus): Span[] {
  const { inUse, concurrency, waiting, durationMs, rate } = origin;
  const leftMs = backlogMs(origin);
  const of = concurrency.limit === 'unlimited' ? '' : ` of ${formatCount(concurrency.limit)}`;
  return [
    origin.origin,
    `${formatCount(inUse)}${of}`,
    waiting > 0 ? formatCount(waiting) : '',
    leftMs === undefined ? '' : formatDuration(leftMs),
    durationMs === undefined ? '' : formatDuration(durationMs),
    rate.perSecond === undefined ? '' : formatRate(rate.perSecond),
    [STYLES[worry(origin)] ?? 'dim', describe(origin)],
  ];
}

/** Why an origin gets no more; shorter than where there is room for sentences. */
function describe({ breaker, openMs = 0, blockedMs, blockedFor, ...origin }: OriginStatus): string {
  if (breaker === 'open') return `down ${duration(openMs)}`;
  if (breaker === 'half-open') return 'down, one tries';
  if (blockedMs !== undefined) {
    return `blocked ${duration(blockedMs)}${blockedFor === undefined ? '' : `: ${blockedFor}`}`;
  }
  if (origin.rate.source === 'learned') return 'rate learned';
  if (origin.concurrency.source === 'learned') return 'slowed down';
  if (origin.rate.source === 'robots.txt') return 'robots.txt delay';
  return origin.inUse > 0 ? 'fetching' : 'waiting';
}

/** A countdown in tenths of a second is restless to look at. */
function duration(ms: number): string {
  return formatDuration(Math.ceil(ms / 1_000) * 1_000).replace('.0 ', ' ');
}
