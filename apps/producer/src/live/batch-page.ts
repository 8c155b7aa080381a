import { OUTCOMES } from '@fetchfleet/crawl';
import type { BatchStatus, OriginStatus, WorkerInfo } from '@fetchfleet/fleet';
import { backlogMs } from './origins.ts';
import { originsSection } from './origins-section.ts';
import { type Pace, remainingMs } from '../report/pace.ts';
import { bar, justified, line, type Paint, type Span, sparkline, widthOf } from './text.ts';
import type { ScreenSize } from './screen.ts';
import { workersSection } from './workers-section.ts';
import type { Style } from '../core/terminal.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from '../report/units.ts';

/** Wider lines are hard to follow with the eye. */
const MAX_WIDTH = 120;
/** From this height on there is room for empty lines. */
const AIRY_ROWS = 20;
const LABEL_WIDTH = 10;

/** What the live view of a batch shows. */
export interface BatchView {
  readonly status: BatchStatus;
  readonly origins: readonly OriginStatus[];
  readonly workers: readonly WorkerInfo[];
  readonly pace: Pace;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** Redis has not answered for this long. */
  readonly silentMs: number;
  /** How this program is called. */
  readonly program: string;
}

/** The live view of one batch, at most as many lines as the screen has rows. */
export function batchPage(view: BatchView, size: ScreenSize, paint: Paint): string[] {
  const width = Math.min(MAX_WIDTH, size.columns);
  const isAiry = size.rows >= AIRY_ROWS;
  const blank: Span[][] = isAiry ? [[]] : [];
  const head = [
    titleOf(view, width),
    ...blank,
    progressOf(view.status, width),
    countsOf(view, width),
    ...blank,
    ...factsOf(view, width, isAiry),
    ...warningsOf(view).map((text): Span[] => [['yellow', text]]),
  ].map((spans) => line(spans, width, paint));
  const footer = line([['dim', footerOf(view)]], width, paint);
  const room = size.rows - head.length - 1;
  const body = sections(view, { width, height: room, gap: isAiry ? 1 : 0 }, paint);
  const padding = Array.from({ length: Math.max(0, room - body.length) }, () => '');
  return [...head, ...body, ...padding, footer].slice(0, size.rows);
}

interface BodyRoom {
  readonly width: number;
  readonly height: number;
  /** Empty lines before each section. */
  readonly gap: number;
}

/** Workers get up to a third where both want more than there is; what one does not need is the other's. */
function sections(view: BatchView, { width, height, gap }: BodyRoom, paint: Paint): string[] {
  const wanted = view.workers.length === 0 ? 0 : view.workers.length + 1 + gap;
  const originsWanted = view.origins.length === 0 ? 0 : view.origins.length + 1 + gap;
  const forWorkers = Math.min(wanted, Math.max(Math.floor(height / 3), height - originsWanted));
  const workers = workersSection(view.workers, { width, height: forWorkers - gap }, paint);
  const taken = workers.length === 0 ? 0 : workers.length + gap;
  const origins = originsSection(view.origins, { width, height: height - taken - gap }, paint);
  return [origins, workers].flatMap((lines) =>
    lines.length === 0 ? [] : [...Array.from({ length: gap }, () => ''), ...lines],
  );
}

const STATE_STYLES: Readonly<Record<BatchStatus['state'], Style>> = {
  expanding: 'cyan',
  running: 'green',
  paused: 'yellow',
  cancelled: 'red',
  finished: 'green',
};

export function stateSpan(state: BatchStatus['state']): Span {
  return [STATE_STYLES[state], state];
}

function titleOf({ status, nowMs }: BatchView, width: number): Span[] {
  const since = Date.parse(status.startedAt ?? status.createdAt);
  const elapsed = formatDuration(Math.max(0, Math.round((nowMs - since) / 1_000) * 1_000));
  const verb = status.startedAt === undefined ? 'waiting for a worker' : 'running for';
  const right = status.startedAt === undefined ? `${verb}, ${elapsed}` : elapsed;
  return justified(
    [['bold', status.batch], '  ', stateSpan(status.state)],
    [['dim', right]],
    width,
  );
}

function progressOf({ settled, total }: BatchStatus, width: number): Span[] {
  const share = total === 0 ? 1 : settled / total;
  // Full is only what is complete.
  const percent = `${(Math.floor(share * 1_000) / 10).toFixed(1)}%`.padStart(7);
  return [...bar(share, width - percent.length), ['bold', percent]];
}

function countsOf(view: BatchView, width: number): Span[] {
  const { status, nowMs } = view;
  const left = status.total - status.settled;
  const counts: Span[] = [
    `${formatCount(status.settled)} of ${formatCount(status.total)}`,
    ['dim', status.state === 'expanding' ? ', still enqueueing' : ''],
  ];
  const ms = leftMs(view);
  if (left === 0 || ms === undefined) return counts;
  return justified(
    counts,
    [`${formatDuration(ms)} left`, ['dim', ` · ${clock(nowMs + ms)}`]],
    width,
  );
}

/** At the pace of late, and no sooner than the slowest of its origins allows. */
function leftMs({ status, pace, origins }: BatchView): number | undefined {
  const left = status.total - status.settled;
  const ms = status.state === 'paused' ? undefined : remainingMs(left, pace.steadyPerSecond);
  if (ms === undefined) return undefined;
  return Math.max(ms, ...origins.map((origin) => backlogMs(origin, left) ?? 0));
}

/** `14:05`, or with the day where that is another one. */
function clock(atMs: number): string {
  const at = new Date(atMs);
  const time = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time}`;
}

function factsOf({ status, pace }: BatchView, width: number, isAiry: boolean): Span[][] {
  // Of the first look no pace can be told.
  const now: Span[] = [['bold', pace.history.length > 0 ? formatRate(pace.perSecond) : '…']];
  const average: Span[] =
    status.fetchesPerSecond > 0
      ? [['dim', ` · average ${formatRate(status.fetchesPerSecond)}`]]
      : [];
  const paceLine = [label('fetches'), ...now, ...average];
  const room = Math.min(60, width - widthOf(paceLine) - 2);
  const spark = room >= 8 ? sparkline(pace.history.slice(-room)) : '';
  const received: Span[] = [label('received'), formatBytes(status.bytes)];
  return [
    [...paceLine, '  ', ['cyan', spark]],
    [label('outcomes'), ...outcomesOf(status)],
    ...(isAiry ? [received] : []),
  ];
}

function label(name: string): Span {
  return ['dim', name.padEnd(LABEL_WIDTH)];
}

/** `ok 812 · http-error 3`: what succeeded first, then the most frequent. */
function outcomesOf({ outcomes }: BatchStatus): Span[] {
  const found = OUTCOMES.map((outcome) => ({ outcome, count: outcomes[outcome] ?? 0 }))
    .filter(({ outcome, count }) => count > 0 || outcome === 'ok')
    .toSorted((a, b) => (a.outcome === 'ok' ? -1 : b.outcome === 'ok' ? 1 : b.count - a.count));
  return found.flatMap(({ outcome, count }, at): Span[] => [
    at > 0 ? ['dim', ' · '] : '',
    `${outcome} `,
    [outcome === 'ok' ? 'green' : 'red', formatCount(count)],
  ]);
}

/** What somebody should do something about. */
function warningsOf({ status, workers, silentMs, program }: BatchView): string[] {
  const isManned = workers.some(({ state }) => state !== 'gone');
  return [
    ...(silentMs >= 2_000 ? [`Redis has not answered for ${formatDuration(silentMs)}`] : []),
    ...(status.state === 'paused' ? [`paused; ${program} resume ${status.batch} goes on`] : []),
    ...(isManned ? [] : ['no worker is running: start fetchfleet-worker']),
    ...(status.missingSecrets.length > 0
      ? [`no worker has ${status.missingSecrets.join(', ')}: set it where workers run`]
      : []),
  ];
}

function footerOf({ status }: BatchView): string {
  return `q or Ctrl-C ends the view; the batch ${status.state === 'paused' ? 'stays as it is' : 'goes on'}`;
}
