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

export function enqueueBars({ fetchesPerSecond, redisBytesPerFetch }: EnqueueFigures): Line[] {
  return [
    [
      'fetches per second   (≥ 200,000)',
      verdict(count(fetchesPerSecond), fetchesPerSecond >= 200_000),
    ],
    [
      'bytes of Redis for each pending fetch   (≤ 60)',
      verdict(redisBytesPerFetch.toFixed(1), redisBytesPerFetch <= 60),
    ],
  ];
}

/** Flat is a judgement: the figures are shown as they come. */
export function memoryLines({ residentByQuarter, liveHeap }: EnqueueFigures): Line[] {
  return [
    ['producer, resident MiB in each quarter of the time', mebibytes(residentByQuarter)],
    ['producer, heap MiB after each full collection', mebibytes(liveHeap)],
  ];
}

function mebibytes(values: readonly number[]): string {
  return values.map((bytes) => Math.round(bytes / MEBIBYTE)).join(' · ');
}

function verdict(value: string, isMet: boolean): string {
  return `${value}   ${isMet ? 'met' : 'missed'}`;
}
