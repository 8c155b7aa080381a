import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { rateOf, type Score } from './contest.ts';
import type { BenchContext } from './context.ts';
import { count } from './format.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreTable } from './score-table.ts';

/** In flight, and about a second's fetches of them. */
const CASES = [
  { inFlight: 1, fetches: 1_500 },
  { inFlight: 8, fetches: 6_000 },
  { inFlight: 64, fetches: 15_000 },
  { inFlight: 256, fetches: 15_000 },
  { inFlight: 1_000, fetches: 15_000 },
] as const;

export const concurrencyBenchmark: Benchmark = {
  name: 'concurrency',
  title: 'From one to a thousand in flight',
  about: 'One worker on undici and the bare undici loop, no latency.',
  run: measureConcurrency,
};

async function measureConcurrency(context: BenchContext): Promise<Findings> {
  const scores: { inFlight: number; own: Score; loop: Score }[] = [];
  for (const given of CASES) {
    const redis = await context.redis();
    const task = {
      url: (await context.origin()).items(),
      fetches: context.scaled(given.fetches),
      concurrency: given.inFlight,
    };
    const fleet = await BenchFleet.start(context, { redis, concurrency: given.inFlight });
    const [own, loop] = await context.compete([
      fleet.contender(`fetchfleet, ${count(given.inFlight)}`, task),
      peerContender({ ...PEERS_BY_NAME.undici(), name: `bare undici, ${count(given.inFlight)}` }, task),
    ]);
    await context.endBenchmark();
    if (own !== undefined && loop !== undefined) scores.push({ inFlight: given.inFlight, own, loop });
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
          { name: 'fetchfleet, undici', points: points('own') },
          { name: 'bare undici loop', points: points('loop') },
        ],
      },
    ],
    measures: {},
  };
}
