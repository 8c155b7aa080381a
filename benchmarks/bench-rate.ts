import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings, Table } from './benchmark.ts';
import { ratioOf } from './contest.ts';
import type { BenchContext } from './context.ts';
import type { BenchCrawl } from './crawl-text.ts';
import { count } from './format.ts';
import { scoreTable } from './score-table.ts';
import type { Spread } from './statistics.ts';

const IN_FLIGHT = 64;
/** Far above what a worker reaches. */
const LIMITS = 'rate: 100000/s, burst: 100, concurrency: 1000';

/** `most` is the number of fetches of a run: a few seconds of work. */
const CASES = [
  { latencyMs: 0, workers: 1, most: 30_000 },
  { latencyMs: 20, workers: 1, most: 9_000 },
  { latencyMs: 100, workers: 1, most: 2_500 },
  { latencyMs: 0, workers: 4, most: 40_000 },
  { latencyMs: 20, workers: 4, most: 24_000 },
  { latencyMs: 100, workers: 4, most: 10_000 },
] as const;

export const rateBenchmark: Benchmark = {
  name: 'rate',
  title: 'A rate that does not bind',
  about: `The same fetches with and without \`${LIMITS}\`, in turns; ${IN_FLIGHT} in flight in each worker.
Only what a limit holds back may cost something.`,
  run: measureRates,
};

async function measureRates(context: BenchContext): Promise<Findings> {
  const tables: Table[] = [];
  const measures: Record<string, Spread | undefined> = {};
  for (const { latencyMs, workers, most } of CASES) {
    const redis = await context.redis();
    const origin = await context.origin();
    const url = latencyMs === 0 ? origin.items() : origin.delayed(latencyMs);
    const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT, workers });
    const crawl: BenchCrawl = { url, fetches: context.scaled(most) };
    const scores = await context.compete([
      fleet.contender('without a limit', crawl),
      fleet.contender('with a rate', { ...crawl, politeness: LIMITS }),
    ]);
    await context.endBenchmark();
    const [free, limited] = scores;
    const title = `${count(latencyMs)} ms, ${count(workers)} worker${workers === 1 ? '' : 's'}`;
    tables.push(scoreTable(title, scores, free));
    measures[title] = ratioOf(limited, free);
  }
  return { tables, charts: [], measures };
}
