import type { Table } from './benchmark.ts';
import type { Bar, Chart } from './chart.ts';
import { cpuOf, ratioOf, rateOf, redisCpuOf, rssOf, type Score } from './contest.ts';
import { count, figure, mebibytes, medianCell, spreadCells } from './format.ts';

/**
 * The contenders of one contest.
 *
 * @param base the contender that the last columns are relative to; no such columns by default
 */
export function scoreTable(title: string, scores: readonly Score[], base?: Score): Table {
  const relative = base === undefined ? [] : [`÷ ${base.name}`, 'lowest – highest'];
  return {
    title,
    head: ['', 'fetches/s', 'slowest – fastest', 'CPU µs', '+ Redis µs', 'MiB', ...relative],
    rows: scores.map((score) => [
      score.name,
      ...spreadCells(rateOf(score)),
      medianCell(cpuOf(score), count),
      medianCell(redisCpuOf(score), count),
      medianCell(rssOf(score), mebibytes),
      ...(base === undefined ? [] : spreadCells(ratioOf(score, base), figure)),
    ]),
  };
}

/** Fetches per second as bars. @param isOurs the contenders that are drawn in colour */
export function scoreChart(
  file: string,
  title: string,
  scores: readonly Score[],
  isOurs: (name: string) => boolean = (name) => name.startsWith('fetchfleet'),
): Chart {
  const bars = scores.flatMap((score): Bar[] => {
    const rate = rateOf(score);
    return rate === undefined
      ? []
      : [{ label: score.name, value: rate, isOurs: isOurs(score.name) }];
  });
  return { kind: 'bars', file, title, unit: 'fetches/s', bars };
}
