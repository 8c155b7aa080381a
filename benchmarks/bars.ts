import type { Score } from './contest.ts';
import type { EnqueueFigures } from './enqueue-run.ts';
import { count } from './table.ts';

const MEBIBYTE = 1024 ** 2;

type Line = readonly [name: string, value: string];

/** One worker against the bare loop of the same run. The bar: 8,000 where bare undici does 25,000. */
export function workerBar(scores: readonly Score[]): Line {
  const rate = (name: string): number =>
    scores.find((score) => score.name === name)?.fetchesPerSecond ?? Number.NaN;
  const ratio = rate('one worker, undici') / rate('undici.request, Promise.all');
  return ['one worker, undici ÷ bare undici   (≥ 0.32)', verdict(ratio.toFixed(2), ratio >= 0.32)];
}

export function enqueueBars(figures: EnqueueFigures): Line[] {
  const { fetchesPerSecond, redisBytesPerFetch, residentByQuarter } = figures;
  const megabytes = residentByQuarter.map((bytes) => Math.round(bytes / MEBIBYTE));
  return [
    [
      'fetches enqueued per second   (≥ 200,000)',
      verdict(count(fetchesPerSecond), fetchesPerSecond >= 200_000),
    ],
    [
      'bytes of Redis for each pending fetch   (≤ 60)',
      verdict(redisBytesPerFetch.toFixed(1), redisBytesPerFetch <= 60),
    ],
    ['producer MiB in each quarter of the time   (flat)', megabytes.join(' · ')],
  ];
}

function verdict(value: string, isMet: boolean): string {
  return `${value}   ${isMet ? 'met' : 'missed'}`;
}
