import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { rateOf, type Score, scoreNamed, shareOf } from './contest.ts';
import type { BenchContext } from './context.ts';
import { medianCell, percent, spreadCells } from './format.ts';
import { HUNG_BASE_MS, HUNG_MS, HUNG_NUMBERS, HUNG_TOTAL } from './origin-shapes.ts';
import { spreadOf } from './statistics.ts';

const IN_FLIGHT = 100;
const { from, total } = HUNG_NUMBERS;
const NONE = 'none hangs';
const SOME = 'one in fifty hangs';
const WARM_UP = 2_000;

/** Fetches per second when no permit is ever idle. */
const IDEAL = {
  [NONE]: (IN_FLIGHT * 1000) / HUNG_BASE_MS,
  [SOME]: (IN_FLIGHT * 1000 * total) / ((total - HUNG_TOTAL) * HUNG_BASE_MS + HUNG_TOTAL * HUNG_MS),
};

export const hungBenchmark: Benchmark = {
  name: 'hung',
  title: 'One hung fetch in fifty',
  about: `One worker, ${IN_FLIGHT} in flight, ${HUNG_BASE_MS} ms latency. In every slice of fifty one fetch hangs for ${HUNG_MS / 1000} s, the last
three seconds of the batch excepted, so that it does not end with waiting. A hung fetch occupies its own place in flight, which nobody can help; _of what its places allow_ is the
speed when no other place is idle. The bar compares that share with and without hung fetches.`,
  run: measureHung,
};

async function measureHung(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const origin = await context.origin();
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  // Which numbers hang is fixed, so a look takes the whole batch, too.
  const scores = await context.compete([
    fleet.contender(NONE, { url: origin.delayed(HUNG_BASE_MS), from, fetches: total }, WARM_UP),
    fleet.contender(SOME, { url: origin.hung(), from, fetches: total }, WARM_UP),
  ]);
  const left = spreadOf(leftOver(scoreNamed(scores, SOME), scoreNamed(scores, NONE)));
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
    measures: { 'throughput left': left },
  };
}

/** Round by round: the share of the ideal with hung fetches ÷ that without. */
function leftOver(some: Score | undefined, none: Score | undefined): number[] {
  const shares = [some, none].map((score) =>
    (score?.samples ?? []).map(
      ({ fetches, seconds }) => fetches / seconds / (score ? idealOf(score) : 1),
    ),
  );
  const [hung = [], clean = []] = shares;
  return hung.flatMap((share, round) => {
    const other = clean[round];
    return other === undefined ? [] : [share / other];
  });
}

function idealOf({ name }: Score): number {
  return name === SOME ? IDEAL[SOME] : IDEAL[NONE];
}
