import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { rateOf, type Score, scoreNamed, shareOf } from './contest.ts';
import type { BenchContext } from './context.ts';
import { medianCell, percent, spreadCells } from './format.ts';
import {
  HUNG_BASE_MS,
  HUNG_MS,
  HUNG_NUMBERS,
  HUNG_TIMEOUT_MS,
  HUNG_TOTAL,
} from './origin-shapes.ts';
import { type Spread, spreadOf } from './statistics.ts';

const IN_FLIGHT = 100;
const WARM_UP = 2_000;
const { from, total } = HUNG_NUMBERS;

/** How long a hung fetch takes. */
const CASES = [
  { name: 'none hangs', hungMs: HUNG_BASE_MS },
  { name: 'one in fifty hangs', hungMs: HUNG_MS },
  { name: 'one in fifty times out', hungMs: HUNG_TIMEOUT_MS },
] as const;
const [NONE, HANGS, TIMES_OUT] = CASES;

export const hungBenchmark: Benchmark = {
  name: 'hung',
  title: 'One hung fetch in fifty',
  about: `One worker, ${IN_FLIGHT} in flight, ${HUNG_BASE_MS} ms latency. In every slice of fifty,
one fetch hangs for ${HUNG_MS / 1000} s, or fails with a timeout of ${HUNG_TIMEOUT_MS / 1000} s. None hangs in the last three seconds of
the batch, which would otherwise end with an idle wait. A hung fetch always occupies its own place in
flight; _of what its places allow_ compares with the speed at which no other place is idle. The bars
compare that share with and without hung fetches.`,
  run: measureHung,
};

async function measureHung(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const origin = await context.origin();
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  // The numbers of the hung fetches are fixed, so a quick run takes the whole batch too.
  const batch = { url: origin.hung(), from, fetches: total };
  const timeout = `${HUNG_TIMEOUT_MS}ms`;
  const scores = await context.compete([
    fleet.contender(NONE.name, { ...batch, url: origin.delayed(HUNG_BASE_MS) }, WARM_UP),
    fleet.contender(HANGS.name, batch, WARM_UP),
    fleet.contender(TIMES_OUT.name, { ...batch, timeout, mayFail: true }, WARM_UP),
  ]);
  return {
    tables: [
      {
        title: `${total} fetches`,
        head: ['', 'fetches/s', 'of what its places allow', 'lowest – highest'],
        rows: scores.map((score) => [
          score.name,
          medianCell(rateOf(score)),
          ...spreadCells(shareOf(score, idealOf(score)), percent),
        ]),
      },
    ],
    charts: [],
    measures: {
      'throughput left': leftOver(scores, HANGS.name),
      'throughput left by timeouts': leftOver(scores, TIMES_OUT.name),
    },
  };
}

/** For each round: the share of the ideal with hung fetches ÷ the share without. */
function leftOver(scores: readonly Score[], name: string): Spread | undefined {
  const [hung = [], clean = []] = [name, NONE.name].map((of) => sharesOf(scoreNamed(scores, of)));
  return spreadOf(
    hung.flatMap((share, round) => {
      const other = clean[round];
      return other === undefined ? [] : [share / other];
    }),
  );
}

function sharesOf(score: Score | undefined): number[] {
  if (score === undefined) {
    return [];
  }
  return score.samples.map(({ fetches, seconds }) => fetches / seconds / idealOf(score));
}

/** Fetches per second if no permit is ever idle. */
function idealOf({ name }: Score): number {
  const { hungMs } = CASES.find((one) => one.name === name) ?? NONE;
  const busyMs = (total - HUNG_TOTAL) * HUNG_BASE_MS + HUNG_TOTAL * hungMs;
  return (IN_FLIGHT * 1000 * total) / busyMs;
}
