import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { ratioOf, scoreNamed } from './contest.ts';
import type { BenchContext } from './context.ts';
import { scoreTable } from './score-table.ts';

const IN_FLIGHT = 64;
const FETCHES = 30_000;
const CLEAN = 'no errors';
const FLAKY = '1 % errors, tried again';

export const errorsBenchmark: Benchmark = {
  name: 'errors',
  title: 'One answer in a hundred is an error',
  about: `No latency, ${IN_FLIGHT} in flight, one worker on the native transport. Every
hundredth answer is a 500, for any fetch; the fetch is repeated after 0.1 to 0.2 s, until all have
succeeded. The time includes the delay of the last ones.`,
  run: measureErrors,
};

async function measureErrors(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const origin = await context.origin();
  const fetches = context.scaled(FETCHES);
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  const retry = 'attempts: 6, backoff: 200ms';
  const scores = await context.compete([
    fleet.contender(CLEAN, { url: origin.items(), fetches, retry }),
    fleet.contender(FLAKY, { url: origin.flaky(), fetches, retry }),
  ]);
  const clean = scoreNamed(scores, CLEAN);
  return {
    tables: [scoreTable(`One worker (${origin.name})`, scores, clean)],
    charts: [],
    measures: { 'with errors ÷ without': ratioOf(scoreNamed(scores, FLAKY), clean) },
  };
}
