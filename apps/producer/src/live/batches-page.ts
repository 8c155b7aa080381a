import type { Span } from '../core/terminal.ts';
import { isUnderWay, remainingMs, type WatchedBatch, type WorkerInfo } from '@fetchfleet/fleet';
import { formatCount, formatDuration, formatPercent, formatRate } from '../report/units.ts';
import { stateSpan } from './batch-page.ts';
import type { ScreenSize } from './screen.ts';
import { line, type Paint } from './styled-text.ts';
import { type Column, table } from './table.ts';

const MAX_WIDTH = 120;
const COLUMNS: readonly Column[] = [
  { title: 'batch', minWidth: 34, importance: 9 },
  { title: 'state', importance: 7 },
  { title: 'done', align: 'right', importance: 8 },
  { title: 'of', align: 'right', importance: 4 },
  { title: 'failed', align: 'right', importance: 6 },
  { title: 'pace', align: 'right', importance: 5 },
  { title: 'left', align: 'right', importance: 3 },
];

export interface BatchesView {
  readonly batches: readonly WatchedBatch[];
  readonly workers: readonly WorkerInfo[];
  /** Time since the last answer of Redis; 0 up to two seconds. */
  readonly silentMs: number;
}

/** The live view of all batches. Returns at most as many lines as the screen has rows. */
export function batchesPage(view: BatchesView, size: ScreenSize, paint: Paint): string[] {
  const width = Math.min(MAX_WIDTH, size.columns);
  const head = [line(headOf(view), width, paint), ...warningsOf(view, width, paint), ''];
  const rows = view.batches.map(cells);
  const area = { width, height: size.rows - head.length - 1 };
  const body = table({ columns: COLUMNS, rows }, area, paint);
  const padding = Array.from({ length: Math.max(0, area.height - body.length) }, () => '');
  const footer = line([['dim', 'q or Ctrl-C ends the view, not the batches']], width, paint);
  return [...head, ...body, ...padding, footer].slice(0, size.rows);
}

function headOf({ batches, workers }: BatchesView): Span[] {
  const underWay = batches.filter(({ status }) => isUnderWay(status));
  const perSecond = underWay.reduce((sum, { pace }) => sum + pace.perSecond, 0);
  const alive = workers.filter(({ state }) => state !== 'gone');
  const inFlight = alive.reduce((sum, one) => sum + one.inFlight, 0);
  const noun = underWay.length === 1 ? 'batch' : 'batches';
  return [
    ['bold', `${formatCount(underWay.length)} ${noun} under way`],
    ` · ${formatRate(perSecond)} · ${formatCount(inFlight)} in flight · `,
    alive.length === 0
      ? ['yellow', 'no worker is running']
      : `workers: ${formatCount(alive.length)}`,
  ];
}

function warningsOf({ silentMs }: BatchesView, width: number, paint: Paint): string[] {
  if (silentMs === 0) {
    return [];
  }
  const text = `Redis has not answered for ${formatDuration(silentMs)}`;
  return [line([['yellow', text]], width, paint)];
}

function cells({ status, pace }: WatchedBatch): Span[] {
  const { batch, state, total, settled, failed } = status;
  const isMoving = isUnderWay(status) && state !== 'paused';
  const left = isMoving ? remainingMs(total - settled, pace.steadyPerSecond) : undefined;
  const perSecond = isMoving ? pace.perSecond : status.fetchesPerSecond;
  return [
    batch,
    stateSpan(state),
    formatPercent(settled, total),
    formatCount(total),
    failed > 0 ? ['red', formatCount(failed)] : '',
    isMoving || perSecond > 0 ? formatRate(perSecond) : '',
    left === undefined ? '' : formatDuration(left),
  ];
}
