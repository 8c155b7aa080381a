import type { WorkerInfo } from '@fetchfleet/fleet';
import { stateSpan } from './batch-page.ts';
import { type BatchSeen, isUnderWay } from './batches.ts';
import { remainingMs } from '../report/pace.ts';
import type { ScreenSize } from './screen.ts';
import { type Column, table } from './table.ts';
import { line, type Paint, type Span } from './text.ts';
import { formatCount, formatDuration, formatRate } from '../report/units.ts';

const MAX_WIDTH = 120;
const COLUMNS: readonly Column[] = [
  { title: 'batch', min: 34, rank: 9 },
  { title: 'state', rank: 7 },
  { title: 'done', align: 'right', rank: 8 },
  { title: 'of', align: 'right', rank: 4 },
  { title: 'failed', align: 'right', rank: 6 },
  { title: 'pace', align: 'right', rank: 5 },
  { title: 'left', align: 'right', rank: 3 },
];

export interface BatchesView {
  readonly batches: readonly BatchSeen[];
  readonly workers: readonly WorkerInfo[];
  /** Redis has not answered for this long. */
  readonly silentMs: number;
}

/** The live view of all batches, at most as many lines as the screen has rows. */
export function batchesPage(view: BatchesView, size: ScreenSize, paint: Paint): string[] {
  const width = Math.min(MAX_WIDTH, size.columns);
  const head = [line(headOf(view), width, paint), ...warningsOf(view, width, paint), ''];
  const rows = view.batches.map(cells);
  const room = { width, height: size.rows - head.length - 1 };
  const body = table({ columns: COLUMNS, rows }, room, paint);
  const padding = Array.from({ length: Math.max(0, room.height - body.length) }, () => '');
  const footer = line([['dim', 'q or Ctrl-C ends the view; the batches go on']], width, paint);
  return [...head, ...body, ...padding, footer].slice(0, size.rows);
}

function headOf({ batches, workers }: BatchesView): Span[] {
  const underWay = batches.filter(({ status }) => isUnderWay(status));
  const perSecond = underWay.reduce((sum, { pace }) => sum + pace.perSecond, 0);
  const there = workers.filter(({ state }) => state !== 'gone');
  const inFlight = there.reduce((sum, one) => sum + one.inFlight, 0);
  const noun = underWay.length === 1 ? 'batch' : 'batches';
  return [
    ['bold', `${formatCount(underWay.length)} ${noun} under way`],
    ` · ${formatRate(perSecond)} · ${formatCount(inFlight)} in flight · `,
    there.length === 0
      ? ['yellow', 'no worker is running']
      : `workers: ${formatCount(there.length)}`,
  ];
}

function warningsOf({ silentMs }: BatchesView, width: number, paint: Paint): string[] {
  if (silentMs === 0) return [];
  const text = `Redis has not answered for ${formatDuration(silentMs)}`;
  return [line([['yellow', text]], width, paint)];
}

function cells({ status, pace }: BatchSeen): Span[] {
  const { batch, state, total, settled, failed } = status;
  const isMoving = isUnderWay(status) && state !== 'paused';
  const percent = total === 0 ? 100 : Math.floor((settled / total) * 100);
  const left = isMoving ? remainingMs(total - settled, pace.steadyPerSecond) : undefined;
  const perSecond = isMoving ? pace.perSecond : status.fetchesPerSecond;
  return [
    batch,
    stateSpan(state),
    `${percent}%`,
    formatCount(total),
    failed > 0 ? ['red', formatCount(failed)] : '',
    isMoving || perSecond > 0 ? formatRate(perSecond) : '',
    left === undefined ? '' : formatDuration(left),
  ];
}
