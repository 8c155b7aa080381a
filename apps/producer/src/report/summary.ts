import { type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { type BatchStatus, deniedFetches, realFailures } from '@fetchfleet/fleet';
import type { FailureExample } from '@fetchfleet/results';
import type { Line, Span } from '../core/terminal.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatRatio,
  shorten,
  truncate,
} from './units.ts';

const LABEL_WIDTH = 12;
const VALUE_WIDTH = 10;

export interface SummaryInput {
  readonly status: BatchStatus;
  /** Duration of this run. */
  readonly elapsedMs: number;
  /** The status before this run, if it continued a batch. */
  readonly before?: Pick<BatchStatus, 'settled' | 'durationSumMs'>;
  readonly examples?: ReadonlyMap<Outcome, FailureExample>;
  /** The folder of the records, as typed on the command line. */
  readonly results: string;
  /** The command that writes the records. */
  readonly exportCommand: string;
  /** The commands that explain failures and fetch them again. */
  readonly failureCommands: readonly string[];
  /** Columns. @default 80 */
  readonly width?: number;
}

/** The summary at the end of a run: fetches, failures with examples, time and speed-up. */
export function summarize(input: SummaryInput): Line[] {
  const { status } = input;
  return [
    headline(status),
    '',
    row('fetched', formatCount(status.ok)),
    row('failed', formatCount(realFailures(status))),
    ...failures(input),
    ...denied(status),
    ...(status.pages === undefined ? [] : [row('pages', formatCount(status.pages))]),
    ...pace(input),
    row('received', formatBytes(status.bytes)),
    label('results') + input.results,
    '',
    commandLine(input.exportCommand),
    ...(realFailures(status) > 0 ? input.failureCommands : []).map(commandLine),
    '',
  ];
}

function commandLine(command: string): Line {
  return ['  ', ['cyan', command]];
}

function headline(status: BatchStatus): Line {
  const { ok, total, state } = status;
  const failed = realFailures(status);
  const counts = `${formatCount(ok)} of ${formatCount(total)} fetched`;
  const isGood = state === 'finished' && failed === 0;
  const mark: Span = isGood ? ['green', '✔'] : ['red', '✖'];
  const ending =
    state === 'cancelled' ? ', cancelled' : failed > 0 ? `, ${formatCount(failed)} failed` : '';
  return [mark, ' ', ['bold', status.name], `: ${counts}${ending}`];
}

function isFailure(outcome: Outcome): boolean {
  return outcome !== 'ok' && outcome !== 'robots-denied';
}

function denied(status: BatchStatus): string[] {
  const count = deniedFetches(status);
  return count === 0 ? [] : [row('not allowed', formatCount(count), 'robots.txt forbids them')];
}

function failures({ status, examples, width = 80 }: SummaryInput): Line[] {
  return OUTCOMES.map((outcome) => ({ outcome, count: status.outcomes[outcome] ?? 0 }))
    .filter(({ outcome, count }) => isFailure(outcome) && count > 0)
    .toSorted((a, b) => b.count - a.count)
    .map(({ outcome, count }) => {
      const start = `    ${outcome.padEnd(16)}${formatCount(count).padStart(6)}  `;
      const example = examples?.get(outcome);
      const text = example === undefined ? '' : describe(example, width - start.length);
      return text === '' ? start.trimEnd() : [start, ['dim', text]];
    });
}

/** `e.g. #17 HTTP 503 http://host/a…/z` */
function describe({ index, url, status, error }: FailureExample, width: number): string {
  // A status says what went wrong only where it is the error.
  const isStatus = status !== undefined && (error?.code ?? `HTTP_${status}`) === `HTTP_${status}`;
  const what = isStatus ? `HTTP ${status}` : (error?.code ?? 'failed');
  const start = `e.g. #${index} ${what} `;
  return truncate(start + shorten(url, Math.max(12, width - start.length)), width);
}

function pace({ status, elapsedMs, before }: SummaryInput): Line[] {
  const settled = status.settled - (before?.settled ?? 0);
  const sequentialMs = Math.max(0, status.durationSumMs - (before?.durationSumMs ?? 0));
  const rate = elapsedMs > 0 ? (settled / elapsedMs) * 1_000 : 0;
  const since =
    before === undefined || before.settled === 0
      ? ''
      : `  ${formatCount(settled)} fetched now, ${formatCount(before.settled)} before`;
  const lines = [row('took', formatDuration(elapsedMs), `${formatRate(rate)}${since}`)];
  const speedUp = elapsedMs > 0 ? sequentialMs / elapsedMs : 0;
  // A smaller speed-up is not worth a line: a single fetch, or an origin that allows one at a time.
  const start = row('one by one', formatDuration(sequentialMs));
  const gain: Line =
    speedUp >= 1.1 ? [`${start}   `, ['green', `${formatRatio(speedUp)} faster`]] : start;
  return [...lines, gain];
}

function row(name: string, value: string, more = ''): string {
  return `${label(name)}${value.padStart(VALUE_WIDTH)}${more === '' ? '' : `   ${more}`}`;
}

function label(name: string): string {
  return `  ${name.padEnd(LABEL_WIDTH)}`;
}
