import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings, Table } from './benchmark.ts';
import { ratioOf, type Score, scoreNamed } from './contest.ts';
import type { BenchContext } from './context.ts';
import { count } from './format.ts';
import { BODY_BYTES } from './origin-shapes.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreTable } from './score-table.ts';
import type { Spread } from './statistics.ts';

const IN_FLIGHT = 64;
const OURS = 'fetchfleet, native';
/** Fetches per run: about three seconds per contender, and 80, 600 and 700 MB of records. */
const FETCHES = {
  1_200: { native: 70_000, got: 14_000, loop: 100_000 },
  50_000: { native: 12_000, got: 6_000, loop: 50_000 },
  1_000_000: { native: 700, got: 500, loop: 1_400 },
} as const;

export const bodiesBenchmark: Benchmark = {
  name: 'bodies',
  title: 'Small and large bodies',
  about: `No latency, ${IN_FLIGHT} in flight. fetchfleet validates the JSON and syncs every byte to disk; the bare loop reads the bodies
and discards them. With records, it does nothing but fetch, validate, write and sync: the least that records cost.`,
  run: async (context) => {
    const tables: Table[] = [];
    const measures: Record<string, Spread | undefined> = {};
    for (const bytes of BODY_BYTES) {
      const { scores, base } = await measureSize(context, bytes);
      tables.push(scoreTable(`${count(bytes)} bytes`, scores, base));
      measures[`${bytes} bytes ÷ bare undici`] = ratioOf(scoreNamed(scores, OURS), base);
    }
    return { tables, charts: [], measures } satisfies Findings;
  },
};

async function measureSize(
  context: BenchContext,
  bytes: (typeof BODY_BYTES)[number],
): Promise<{ readonly scores: readonly Score[]; readonly base: Score | undefined }> {
  const redis = await context.redis();
  const url = (await context.origin()).items(bytes);
  const concurrency = IN_FLIGHT;
  const native = await BenchFleet.start(context, { redis, concurrency });
  const got = await BenchFleet.start(context, { redis, concurrency, transport: 'got' });
  const task = (who: 'native' | 'got' | 'loop') => ({
    url,
    fetches: context.scaled(FETCHES[bytes][who]),
  });
  try {
    const loop = PEERS_BY_NAME.undici();
    const scores = await context.compete([
      native.contender(OURS, task('native')),
      got.contender('fetchfleet, got', task('got')),
      peerContender(PEERS_BY_NAME.recording(), { ...task('native'), concurrency }),
      peerContender(loop, { ...task('loop'), concurrency }),
    ]);
    return { scores, base: scoreNamed(scores, loop.name) };
  } finally {
    await context.endBenchmark();
  }
}
