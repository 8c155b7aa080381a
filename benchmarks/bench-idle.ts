import { setTimeout as sleep } from 'node:timers/promises';
import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { percent, spreadCells } from './format.ts';
import { cpuDuring } from './process-usage.ts';
import { spreadOfKnown } from './statistics.ts';

/** One worker at its default concurrency. */
const IN_FLIGHT = 50;
const WARM_UP = 2_000;
/** Until the code of the timers is compiled, and the connections to the origin are closed. */
const SETTLE_MS = 20_000;
const ROUND_MS = 30_000;

export const idleBenchmark: Benchmark = {
  name: 'idle',
  title: 'A worker that has nothing to do',
  about: `One worker that has fetched a small batch, then ${ROUND_MS / 1000} s without work in every round:
its CPU time, and that of its Redis, as a share of one core.`,
  run: measureIdle,
};

async function measureIdle(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const url = (await context.origin()).items();
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  await fleet.run({ url, fetches: WARM_UP });
  await sleep(context.scaled(SETTLE_MS));
  const pids = [...fleet.workers.map(({ pid }) => pid), redis.pid];
  const shares: (readonly (number | undefined)[])[] = [];
  for (let round = 0; round < context.rounds; round++) {
    const { micros } = await cpuDuring(pids, async () => sleep(ROUND_MS));
    const [worker, server] = micros.map((used) => used && used / 1_000 / ROUND_MS);
    context.log(`  worker ${shareText(worker)}, Redis ${shareText(server)} of a core`);
    shares.push([worker, server]);
  }
  const worker = spreadOfKnown(shares.map(([share]) => share));
  const server = spreadOfKnown(shares.map(([, share]) => share));
  return {
    tables: [
      {
        title: 'Share of a core',
        head: ['', 'CPU', 'lowest – highest'],
        rows: [
          ['worker', ...spreadCells(worker, shareText)],
          ['Redis', ...spreadCells(server, shareText)],
        ],
      },
    ],
    charts: [],
    measures: { 'share of a core': worker },
  };
}

/** @param share undefined without /proc */
function shareText(share: number | undefined): string {
  return share === undefined ? 'unknown' : percent(share, 2);
}
