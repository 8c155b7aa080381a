import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { type Contender, ratioOf, scoreNamed } from './contest.ts';
import type { BenchContext } from './context.ts';
import { scoreChart, scoreTable } from './score-table.ts';

const WORKERS = [1, 2, 4, 8] as const;
const IN_FLIGHT = 50;
const LATENCY_MS = 100;
const SECONDS = 3;

export const workersBenchmark: Benchmark = {
  name: 'workers',
  title: 'More workers',
  about: `Each with ${IN_FLIGHT} in flight, ${LATENCY_MS} ms latency: ideally ${(IN_FLIGHT * 1000) / LATENCY_MS} fetches
per second each. All share the cores of this machine with origin and Redis.`,
  run: measureWorkers,
};

async function measureWorkers(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const url = (await context.origin()).delayed(LATENCY_MS);
  const contenders: Contender[] = [];
  for (const workers of WORKERS) {
    const fetches = context.scaled((workers * IN_FLIGHT * SECONDS * 1000) / LATENCY_MS);
    const fleet = await BenchFleet.start(context, { redis, workers, concurrency: IN_FLIGHT });
    contenders.push(fleet.contender(nameOf(workers), { url, fetches }));
  }
  const scores = await context.compete(contenders);
  const [one] = scores;
  const title = `${LATENCY_MS} ms latency, ${IN_FLIGHT} in flight in each worker`;
  return {
    tables: [scoreTable(title, scores, one)],
    charts: [scoreChart('workers', title, scores, () => true)],
    measures: Object.fromEntries(
      WORKERS.map((workers) => [
        `${workers} ÷ 1`,
        ratioOf(scoreNamed(scores, nameOf(workers)), one),
      ]),
    ),
  };
}

function nameOf(workers: number): string {
  return `${workers} worker${workers === 1 ? '' : 's'}`;
}
