import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings, Table } from './benchmark.ts';
import { scoreNamed } from './contest.ts';
import type { BenchContext } from './context.ts';
import { count } from './format.ts';
import { BODY_BYTES } from './origin-shapes.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreTable } from './score-table.ts';

const IN_FLIGHT = 64;
/** About a second of each; the records of a run are 24, 200 and 200 MB. */
const FETCHES: Readonly<Record<number, number>> = { 1_200: 20_000, 50_000: 4_000, 1_000_000: 200 };

export const bodiesBenchmark: Benchmark = {
  name: 'bodies',
  title: 'Small and large bodies',
  about: `No latency, ${IN_FLIGHT} in flight. fetchfleet validates the JSON and syncs every byte to disk; the bare loop reads the bodies and
drops them.`,
  run: async (context) => {
    const tables: Table[] = [];
    for (const bytes of BODY_BYTES) tables.push(await measureSize(context, bytes));
    return { tables, charts: [], measures: {} } satisfies Findings;
  },
};

async function measureSize(context: BenchContext, bytes: number): Promise<Table> {
  const redis = await context.redis();
  const url = (await context.origin()).items(bytes);
  const task = { url, fetches: context.scaled(FETCHES[bytes] ?? 1_000), concurrency: IN_FLIGHT };
  const undici = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  const got = await BenchFleet.start(context, {
    redis,
    concurrency: IN_FLIGHT,
    transport: 'got',
  });
  const fewer = { url, fetches: Math.ceil(task.fetches / 4) };
  try {
    const loop = PEERS_BY_NAME.undici();
    const scores = await context.compete([
      undici.contender('fetchfleet, undici', task),
      got.contender('fetchfleet, got', fewer),
      peerContender(loop, task),
    ]);
    return scoreTable(`${count(bytes)} bytes`, scores, scoreNamed(scores, loop.name));
  } finally {
    await context.endBenchmark();
  }
}
