import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { ratioOf, rateOf, type Score } from './contest.ts';
import type { BenchContext } from './context.ts';
import { count } from './format.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreTable } from './score-table.ts';

/** In flight, and the number of fetches for about three seconds: a process is cold in the first. */
const CASES = [
  { inFlight: 1, own: 14_000, loop: 15_000 },
  { inFlight: 8, own: 55_000, loop: 90_000 },
  { inFlight: 64, own: 70_000, loop: 100_000 },
  { inFlight: 256, own: 80_000, loop: 100_000 },
  { inFlight: 1_000, own: 90_000, loop: 60_000 },
] as const;

const OURS = 'fetchfleet, native';

export const concurrencyBenchmark: Benchmark = {
  name: 'concurrency',
  title: 'From one to a thousand in flight',
  about: 'One worker on the native transport and the bare undici loop, no latency.',
  run: measureConcurrency,
};

async function measureConcurrency(context: BenchContext): Promise<Findings> {
  const scores: { inFlight: number; own: Score; loop: Score }[] = [];
  for (const given of CASES) {
    const redis = await context.redis();
    const url = (await context.origin()).items();
    const concurrency = given.inFlight;
    const fleet = await BenchFleet.start(context, { redis, concurrency });
    const fetches = { own: context.scaled(given.own), loop: context.scaled(given.loop) };
    const [own, loop] = await context.compete([
      fleet.contender(OURS, { url, fetches: fetches.own }),
      peerContender(PEERS_BY_NAME.undici(), { url, concurrency, fetches: fetches.loop }),
    ]);
    await context.endBenchmark();
    if (own !== undefined && loop !== undefined) {
      scores.push({ inFlight: given.inFlight, own, loop });
    }
  }
  const points = (of: 'own' | 'loop') =>
    scores.map((score) => [score.inFlight, rateOf(score[of])?.median ?? 0] as const);
  return {
    tables: scores.map(({ inFlight, own, loop }) =>
      scoreTable(`${count(inFlight)} in flight`, [own, loop], loop),
    ),
    charts: [
      {
        kind: 'lines',
        file: 'concurrency',
        title: 'Fetches per second by fetches in flight, no latency',
        xTitle: 'in flight',
        yTitle: 'fetches/s',
        isLog: true,
        lines: [
          { name: OURS, points: points('own') },
          { name: 'bare undici loop', points: points('loop') },
        ],
      },
    ],
    measures: Object.fromEntries(
      scores.map(({ inFlight, own, loop }) => [`${inFlight} ÷ bare undici`, ratioOf(own, loop)]),
    ),
  };
}
