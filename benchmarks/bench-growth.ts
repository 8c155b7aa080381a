import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings, Table } from './benchmark.ts';
import type { Chart } from './chart.ts';
import type { BenchContext } from './context.ts';
import { count, figure, mebibytes, medianCell } from './format.ts';
import { type GrowthRun, growthRun } from './growth-run.ts';
import { growthAfterWarmUp } from './memory-watch.ts';
import { logLogSlope, type Spread, spreadOf, spreadOfKnown } from './statistics.ts';

const IN_FLIGHT = 64;
const REFERENCE = 20_000;
const MILLION = 1_000_000;
const WARM_UP = 10_000;
/** Maximum number of rounds. */
const SIZES = [
  { fetches: 1_000, runs: 5 },
  { fetches: 10_000, runs: 5 },
  { fetches: REFERENCE, runs: 5 },
  { fetches: 100_000, runs: 2 },
] as const;

/** The figures that are shown per fetch; the slopes use the totals. */
const COSTS: readonly (readonly [head: string, of: (run: GrowthRun) => number | undefined])[] = [
  ['worker µs', (run) => run.workerMicros],
  ['Redis µs', (run) => run.redisMicros],
  ['producer µs', (run) => run.producerMicros],
  ['commands', (run) => run.commands],
  ['scripts', (run) => run.scripts],
  ['network bytes', (run) => run.networkBytes],
  ['Redis bytes', (run) => run.redisBytes],
];

export const growthBenchmark: Benchmark = {
  name: 'growth',
  title: 'What a fetch costs, from a thousand to a million',
  about: `\`fetchfleet start\` beside one worker (native transport, ${IN_FLIGHT} in flight, no latency), from the start of the
producer to the last record. The million has its own Redis and worker. Costs are per fetch, CPU in
microseconds. _Commands_ are all that Redis executed, including those in scripts; _Redis bytes_ is its
largest growth. The last line is the exponent with which a total grows with the number of fetches
(log-log slope: 1 is linear, less means shared overhead). Records are counted in the files.`,
  run: measureGrowth,
};

async function measureGrowth(context: BenchContext): Promise<Findings> {
  const smaller = SIZES.filter(({ fetches }) => !context.isQuick || fetches <= REFERENCE);
  const runs = await measureSizes(context, smaller);
  await context.endBenchmark();
  // Like a new fleet, it starts with an empty Redis.
  if (!context.isQuick) {
    runs.push(...(await measureSizes(context, [{ fetches: MILLION, runs: 1 }])));
  }
  const reference = ratesOf(runs, REFERENCE);
  const million = runs.find(({ fetches }) => fetches === MILLION);
  return {
    tables: [costTable(runs), memoryTable(runs)],
    charts: [costChart(runs)],
    measures: million === undefined ? {} : millionMeasures(million, reference),
  };
}

async function measureSizes(
  context: BenchContext,
  sizes: readonly { readonly fetches: number; readonly runs: number }[],
): Promise<GrowthRun[]> {
  const url = (await context.origin()).items();
  const redis = await context.redis();
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  const isMillion = sizes.some(({ fetches }) => fetches === MILLION);
  if (!isMillion) {
    await fleet.run({ url, fetches: WARM_UP });
  }
  const runs: GrowthRun[] = [];
  for (const { fetches, runs: most } of sizes) {
    for (let round = 0; round < Math.min(most, context.rounds); round++) {
      const run = await growthRun(fleet, url, fetches);
      context.log(`  ${count(fetches)}: ${figure(fetches / run.seconds)}/s`);
      runs.push(run);
    }
  }
  return runs;
}

function millionMeasures(
  million: GrowthRun,
  reference: readonly number[],
): Record<string, Spread | undefined> {
  const { memory, redisBytes, count: records } = million;
  const rate = million.fetches / million.seconds;
  return {
    'million ÷ 20,000': spreadOf(reference.map((other) => rate / other)),
    'worker growth after warm-up': spreadOfKnown([growthAfterWarmUp(memory.samples('worker'))]),
    'Redis above empty': spreadOfKnown([redisBytes]),
    'inexact records': spreadOf([records.missing + records.repeated]),
  };
}

function costTable(runs: readonly GrowthRun[]): Table {
  const rows = sizesOf(runs).map((fetches) => [
    count(fetches),
    medianCell(spreadOf(ratesOf(runs, fetches)), count),
    ...COSTS.map(([, of]) => medianCell(eachOf(runs, fetches, of))),
  ]);
  const slopes = COSTS.map(([, of]) => {
    const points = sizesOf(runs).flatMap((fetches) => {
      const each = eachOf(runs, fetches, of)?.median;
      return each === undefined ? [] : [[fetches, each * fetches] as const];
    });
    return logLogSlope(points)?.toFixed(2) ?? '';
  });
  return {
    title: 'For each fetch',
    head: ['fetches', 'fetches/s', ...COSTS.map(([head]) => head)],
    rows: [...rows, ['slope of the whole', '', ...slopes]],
  };
}

function memoryTable(runs: readonly GrowthRun[]): Table {
  const names = ['worker', 'redis', 'producer'];
  return {
    title: 'Most resident memory, MiB',
    head: ['fetches', ...names, 'indexes missing', 'repeated'],
    rows: sizesOf(runs).map((fetches) => {
      const own = runs.filter((run) => run.fetches === fetches);
      const most = (of: (run: GrowthRun) => number): number => Math.max(...own.map(of));
      return [
        count(fetches),
        ...names.map((name) =>
          medianCell(spreadOfKnown(own.map(({ memory }) => memory.most(name))), mebibytes),
        ),
        count(most((run) => run.count.missing)),
        count(most((run) => run.count.repeated)),
      ];
    }),
  };
}

function costChart(runs: readonly GrowthRun[]): Chart {
  const lines = COSTS.slice(0, 3).map(([name, of]) => ({
    name,
    points: sizesOf(runs).flatMap((fetches) => {
      const each = eachOf(runs, fetches, of)?.median;
      return each === undefined || each === 0 ? [] : [[fetches, each] as const];
    }),
  }));
  const title = 'CPU time for each fetch, by the size of the batch';
  const axes = { xTitle: 'fetches', yTitle: 'µs per fetch', isLog: true };
  return { kind: 'lines', file: 'growth', title, ...axes, lines };
}

function sizesOf(runs: readonly GrowthRun[]): number[] {
  return [...new Set(runs.map(({ fetches }) => fetches))];
}

function ratesOf(runs: readonly GrowthRun[], size: number): number[] {
  return runs.filter(({ fetches }) => fetches === size).map(({ seconds }) => size / seconds);
}

function eachOf(
  runs: readonly GrowthRun[],
  size: number,
  of: (run: GrowthRun) => number | undefined,
): Spread | undefined {
  const own = runs.filter(({ fetches }) => fetches === size).map(of);
  return spreadOfKnown(own.map((whole) => (whole === undefined ? undefined : whole / size)));
}
