import { OUTCOMES } from '@fetchfleet/crawl';
import {
  backlogMs,
  type BatchStatus,
  type OriginStatus,
  type Pace,
  remainingMs,
  type WorkerInfo,
  durationMs,
} from '@fetchfleet/fleet';
import type { Span, Style } from '../core/terminal.ts';
import { describeSameFailure, describeSecrets } from '../report/describe-status.ts';
import { countOf, formatBytes, formatCount, formatDuration, formatRate } from '../report/units.ts';
import { originsSection } from './origins-section.ts';
import type { ScreenSize } from './screen.ts';
import { bar, justified, line, type Paint, sparkline, widthOf } from './styled-text.ts';
import { workersSection } from './workers-section.ts';

/** Wider lines are hard to read. */
const MAX_WIDTH = 120;
const MAX_SPARKLINE_WIDTH = 60;
const MIN_SPARKLINE_WIDTH = 8;
/** Screens of this height or more get empty lines between the parts. */
const SPACIOUS_ROWS = 20;
const LABEL_WIDTH = 10;

/** The state that the live view of a batch shows. */
export interface BatchView {
  readonly status: BatchStatus;
  readonly origins: readonly OriginStatus[];
  readonly workers: readonly WorkerInfo[];
  readonly pace: Pace;
  /** By the clock of Redis, epoch milliseconds. */
  readonly nowMs: number;
  /** Time since the last answer of Redis; 0 up to two seconds. */
  readonly silentMs: number;
  /** The command line that starts this program. */
  readonly program: string;
}

/** The live view of one batch. Returns at most as many lines as the screen has rows. */
export function batchPage(view: BatchView, size: ScreenSize, paint: Paint): string[] {
  const width = Math.min(MAX_WIDTH, size.columns);
  const isSpacious = size.rows >= SPACIOUS_ROWS;
  const blank: Span[][] = isSpacious ? [[]] : [];
  const head = [
    titleOf(view, width),
    ...blank,
    progressOf(view.status, width),
    countsOf(view, width),
    ...blank,
    ...factsOf(view, width, isSpacious),
    ...warningsOf(view).map((text): Span[] => [['yellow', text]]),
  ].map((spans) => line(spans, width, paint));
  const footer = line([['dim', 'q or Ctrl-C ends the view, not the batch']], width, paint);
  const height = size.rows - head.length - 1;
  const body = sections(view, { width, height, gap: isSpacious ? 1 : 0 }, paint);
  const padding = Array.from({ length: Math.max(0, height - body.length) }, () => '');
  return [...head, ...body, ...padding, footer].slice(0, size.rows);
}

interface BodyArea {
  readonly width: number;
  readonly height: number;
  /** Empty lines before each section. */
  readonly gap: number;
}

/** Origins and workers. If both do not fit, workers get at least a third of the lines. */
function sections(view: BatchView, { width, height, gap }: BodyArea, paint: Paint): string[] {
  const wanted = view.workers.length === 0 ? 0 : view.workers.length + 1 + gap;
  const originsWanted = view.origins.length === 0 ? 0 : view.origins.length + 1 + gap;
  const forWorkers = Math.min(wanted, Math.max(Math.floor(height / 3), height - originsWanted));
  const workers = workersSection(view.workers, { width, height: forWorkers - gap }, paint);
  const used = workers.length === 0 ? 0 : workers.length + gap;
  const origins = originsSection(view.origins, { width, height: height - used - gap }, paint);
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
  const elapsed = formatDuration(Math.round(durationMs(status, nowMs) / 1_000) * 1_000);
  const right = status.startedAt === undefined ? `waiting for a worker, ${elapsed}` : elapsed;
  return justified(
    [['bold', status.batch], '  ', stateSpan(status.state)],
    [['dim', right]],
    width,
  );
}

function progressOf({ settled, total }: BatchStatus, width: number): Span[] {
  const share = total === 0 ? 1 : settled / total;
  // Rounded down: only a complete batch shows 100%.
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
  if (left === 0 || ms === undefined) {
    return counts;
  }
  return justified(
    counts,
    [`${formatDuration(ms)} left`, ['dim', ` · ${clock(nowMs + ms, nowMs)}`]],
    width,
  );
}

/**
 * Estimated by the pace of the last half minute. Until that is known, at least the time that the
 * slowest origin needs.
 */
function leftMs({ status, pace, origins }: BatchView): number | undefined {
  const left = status.total - status.settled;
  const ms = status.state === 'paused' ? undefined : remainingMs(left, pace.steadyPerSecond);
  if (ms === undefined) {
    return undefined;
  }
  // Half a minute shows the pace that limits allow. Before that, the limits themselves tell more.
  return pace.isSteady
    ? ms
    : Math.max(ms, ...origins.map((origin) => backlogMs(origin, left) ?? 0));
}

/** `14:05`, with the date unless it is today. */
function clock(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  if (at.toDateString() === new Date(nowMs).toDateString()) {
    return time;
  }
  return `${at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time}`;
}

function factsOf({ status, pace }: BatchView, width: number, isSpacious: boolean): Span[][] {
  // One sample does not give a rate.
  const now: Span[] = [['bold', pace.history.length > 0 ? formatRate(pace.perSecond) : '…']];
  const average: Span[] =
    status.fetchesPerSecond > 0
      ? [['dim', ` · average ${formatRate(status.fetchesPerSecond)}`]]
      : [];
  const paceLine = [label('fetches'), ...now, ...average];
  const sparkWidth = Math.min(MAX_SPARKLINE_WIDTH, width - widthOf(paceLine) - 2);
  const spark = sparkWidth >= MIN_SPARKLINE_WIDTH ? sparkline(pace.history.slice(-sparkWidth)) : '';
  const pages = status.pages === undefined ? '' : ` in ${countOf(status.pages, 'page')}`;
  const received: Span[] = [label('received'), formatBytes(status.bytes), pages];
  return [
    [...paceLine, '  ', ['cyan', spark]],
    [label('outcomes'), ...outcomesOf(status)],
    ...(isSpacious ? [received] : []),
  ];
}

function label(name: string): Span {
  return ['dim', name.padEnd(LABEL_WIDTH)];
}

/** `ok 812 · http-error 3`: successes first, then failures, the most frequent first. */
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

/** Problems that a person has to solve. */
function warningsOf({ status, workers, silentMs, program }: BatchView): string[] {
  const same = describeSameFailure(status);
  const hasWorkers = workers.some(({ state }) => state !== 'gone');
  return [
    ...(silentMs > 0 ? [`Redis has not answered for ${formatDuration(silentMs)}`] : []),
    ...(status.state === 'paused'
      ? [`paused; continue with: ${program} resume ${status.batch}`]
      : []),
    ...(same === undefined ? [] : [same]),
    ...(hasWorkers ? [] : ['no worker is running: start fetchfleet-worker']),
    ...(status.missingSecrets.length > 0 ? [describeSecrets(status.missingSecrets)] : []),
  ];
}
