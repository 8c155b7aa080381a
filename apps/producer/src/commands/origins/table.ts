import type { OriginStatus } from '@fetchfleet/fleet';
import { printable } from '@fetchfleet/crawl';
import type { Span } from '../../core/terminal.ts';
import { shutState } from '../../report/origin-state.ts';
import { formatCount, shorten, truncate } from '../../report/units.ts';

const HEADER = ['origin', 'rate', 'in flight', 'waiting', 'state'] as const;
const GAP = '  ';
/** In lines of up to 100 columns. In wider ones the state gets all that is added. */
const MAX_STATE = 34;
const NARROW = 100;
const MIN_STATE = 8;
/** A shorter name is not recognizable. */
const MIN_NAME = 16;

export interface OriginsTableOptions {
  /** Columns of a line, at most; Infinity for files and pipes. */
  readonly width: number;
  /** Lines of the table, at most. @default unlimited */
  readonly height?: number;
}

/**
 * One line for each origin: first those in trouble, then the busy ones, then the idle ones, each by
 * name.
 */
export function originsTable(
  statuses: readonly OriginStatus[],
  { width, height = Infinity }: OriginsTableOptions,
): Span[][] {
  const sorted = statuses.toSorted((a, b) => rank(a) - rank(b));
  const fits = sorted.length + 1 <= height;
  // Two lines are for the header and the count of the rest.
  const shown = fits ? sorted : sorted.slice(0, Math.max(1, height - 2));
  const maxState = Math.max(MAX_STATE, width - NARROW + MAX_STATE);
  const rows = [HEADER, ...shown.map((status) => cells(status, maxState))];
  const widths = columnWidths(rows, width);
  const lines = rows.map((row, at) => {
    const status = shown[at - 1];
    return row.flatMap((cell, column): Span[] => [
      column === 0 ? '' : GAP,
      styled(align(shorten(cell, widths[column] ?? 0), column, widths), column, status),
    ]);
  });
  const left = sorted.length - shown.length;
  const rest: Span[][] = left > 0 ? [[['dim', `… and ${formatCount(left)} more`]]] : [];
  return [...lines, ...rest];
}

/** `3 origins: 12 in flight, 4,000 waiting, 1 blocked` */
export function originsSummary(statuses: readonly OriginStatus[]): string {
  const sum = (of: 'inUse' | 'waiting'): number =>
    statuses.reduce((total, status) => total + status[of], 0);
  const down = statuses.filter(({ breaker }) => breaker !== 'closed').length;
  const blocked = statuses.filter(({ blockedMs }) => blockedMs !== undefined).length;
  const parts = [
    `${formatCount(sum('inUse'))} in flight`,
    `${formatCount(sum('waiting'))} waiting`,
    ...(blocked > 0 ? [`${formatCount(blocked)} blocked`] : []),
    ...(down > 0 ? [`${formatCount(down)} down`] : []),
  ];
  const noun = statuses.length === 1 ? 'origin' : 'origins';
  return `${formatCount(statuses.length)} ${noun}: ${parts.join(', ')}`;
}

function cells(status: OriginStatus, maxState: number): readonly string[] {
  return [
    printable(status.origin),
    status.rate.limit + sourceOf(status.rate.source) + burstOf(status),
    inFlight(status),
    formatCount(status.waiting),
    truncate(stateOf(status), maxState),
  ];
}

/** The limits of crawl files are shown without a source. */
function sourceOf(source: OriginStatus['rate']['source']): string {
  return source === 'crawl file' || source === 'none' ? '' : ` ${source}`;
}

function burstOf({ rate, burst }: OriginStatus): string {
  return burst > 1 && rate.perSecond !== undefined ? ` burst ${burst}` : '';
}

function inFlight({ inUse, concurrency: { limit, source } }: OriginStatus): string {
  const of = limit === 'unlimited' ? '' : ` of ${limit}`;
  return `${inUse}${of}${sourceOf(source)}`;
}

/** Why its fetches do not start, or that they do. */
export function stateOf(status: OriginStatus): string {
  const { inUse, waiting } = status;
  const shut = shutState(status);
  if (shut !== undefined) {
    return shut;
  }
  if (inUse > 0) {
    return 'fetching';
  }
  return waiting > 0 ? 'waiting' : 'idle';
}

function rank({ breaker, blockedMs, robotsError, inUse, waiting }: OriginStatus): number {
  if (breaker !== 'closed') {
    return 0;
  }
  if (blockedMs !== undefined || robotsError !== undefined) {
    return 1;
  }
  return inUse > 0 || waiting > 0 ? 2 : 3;
}

/** The name takes what the other columns leave. Where that is too little, the state is cut. */
function columnWidths(rows: readonly (readonly string[])[], width: number): number[] {
  const [name = 0, ...others] = HEADER.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const state = others.pop() ?? 0;
  const taken = others.reduce((sum, one) => sum + one + GAP.length, GAP.length);
  const nameWidth = Math.min(name, Math.max(MIN_NAME, width - taken - state));
  return [nameWidth, ...others, Math.min(state, Math.max(MIN_STATE, width - taken - nameWidth))];
}

function align(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  if (column === HEADER.length - 1) {
    return cell;
  }
  return column === 3 ? cell.padStart(width) : cell.padEnd(width);
}

function styled(cell: string, column: number, status: OriginStatus | undefined): Span {
  if (status === undefined) {
    return ['dim', cell];
  }
  if (column === 0) {
    return ['bold', cell];
  }
  if (column !== HEADER.length - 1) {
    return cell;
  }
  return [(['red', 'yellow', 'green', 'dim'] as const)[rank(status)] ?? 'dim', cell];
}
