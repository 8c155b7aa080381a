import { backlogMs, type OriginStatus, severityOf } from '@fetchfleet/fleet';
import type { Span, Style } from '../core/terminal.ts';
import { shutState } from '../report/origin-state.ts';
import { formatCount, formatDuration, formatRate } from '../report/units.ts';
import type { Paint } from './styled-text.ts';
import { type Area, type Column, table } from './table.ts';

/** By severity. */
const STYLES: readonly Style[] = ['green', 'dim', 'yellow', 'yellow', 'red'];

/** The busy origins of the fleet. */
export function originsSection(
  origins: readonly OriginStatus[],
  area: Area,
  paint: Paint,
): string[] {
  if (origins.length === 0) {
    return [];
  }
  const columns: readonly Column[] = [
    { title: titleOf(origins), minWidth: 22, importance: 9 },
    { title: 'in flight', align: 'right', importance: 6 },
    { title: 'waiting', align: 'right', importance: 5 },
    { title: 'left', align: 'right', importance: 4 },
    { title: 'mean', align: 'right', importance: 3 },
    { title: 'rate', align: 'right', importance: 2 },
    { title: 'state', minWidth: 16, importance: 8 },
  ];
  return table({ columns, rows: origins.map(cells) }, area, paint);
}

function titleOf(origins: readonly OriginStatus[]): string {
  const limited = origins.filter((one) => severityOf(one) >= 2).length;
  const detail = limited > 0 ? `, ${formatCount(limited)} limited` : '';
  return `origins (${formatCount(origins.length)}${detail})`;
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
    [STYLES[severityOf(origin)] ?? 'dim', describe(origin)],
  ];
}

/** What limits the origin now, in the words of `fetchfleet origins` where it is down or blocked. */
function describe(origin: OriginStatus): string {
  const shut = shutState(origin);
  if (shut !== undefined) {
    return shut;
  }
  if (origin.rate.source === 'learned') {
    return 'rate learned';
  }
  if (origin.concurrency.source === 'learned') {
    return 'slowed down';
  }
  if (origin.rate.source === 'robots.txt') {
    return 'robots.txt delay';
  }
  return origin.inUse > 0 ? 'fetching' : 'waiting';
}
