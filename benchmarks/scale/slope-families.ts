import type { BenchContext } from '../context.ts';
import { holdings, measure } from './meter.ts';
import { type Family, familyOf, type Per } from './slopes.ts';
import { SlopeBench, type Work } from './slope-bench.ts';

const IN_FLIGHT = 64;
const IDLE_MS = 20_000;
const ROUNDS = 2;
const LOOK_MS = 100;

export type Ports = SlopeBench['ports'];
type Point = readonly [size: number, figures: Readonly<Record<string, number>>];
type Measure = (context: BenchContext, ports: Ports) => Promise<Family>;

/** All families, in the order of the documentation. */
export const FAMILIES: Readonly<Record<Per, Measure>> = {
  fetch: async (context, ports) =>
    growing(context, ports, {
      per: 'fetch',
      about: 'one worker, one origin, 64 in flight, no latency, enqueueing included',
      sizes: [8_000, 16_000, 32_000],
      workOf: (each) => ({ origins: 1, each }),
    }),
  'paced fetch': async (context, ports) =>
    growing(context, ports, {
      per: 'paced fetch',
      about: 'two workers, 100 origins with 4 starts a second each',
      workers: 2,
      sizes: [2_000, 4_000, 8_000],
      workOf: (fetches) => ({ origins: 100, each: fetches / 100, rate: '4/s' }),
    }),
  origin: async (context, ports) =>
    growing(context, ports, {
      per: 'origin',
      about: 'one fetch of each origin, which is new: gate and connection; the fetch included',
      sizes: [500, 1_000, 2_000],
      workOf: (origins) => ({ origins, each: 1 }),
    }),
  'HTTPS origin': async (context, ports) =>
    growing(context, ports, {
      per: 'HTTPS origin',
      about: 'the same over TLS 1.3, with a certificate on a P-256 key',
      sizes: [250, 500, 1_000],
      workOf: (origins) => ({ origins, each: 1, scheme: 'https' }),
    }),
  'kilobyte of body': measureBodies,
  batch: measureBatches,
  'pending fetch': measurePending,
  'worker second': measureIdle,
  'fetch in flight': measureInFlight,
};

interface Growing {
  readonly per: Per;
  readonly about: string;
  readonly workers?: number;
  readonly sizes: readonly number[];
  readonly workOf: (size: number) => Work;
}

/** Batches of different sizes on one fleet, in turns. */
async function growing(
  context: BenchContext,
  ports: Ports,
  { per, about, workers = 1, sizes, workOf }: Growing,
): Promise<Family> {
  const bench = await SlopeBench.start(context, ports, { workers, concurrency: IN_FLIGHT });
  await bench.fetch(workOf(sizes[0] ?? 1));
  const points = await inTurns(context, per, sizes, async (size) => ({
    ...(await bench.fetch(workOf(size))),
  }));
  return familyOf({ per, about }, points);
}

async function inTurns(
  context: BenchContext,
  per: Per,
  sizes: readonly number[],
  run: (size: number) => Promise<Readonly<Record<string, number>>>,
): Promise<Point[]> {
  const points: Point[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const size of sizes) {
      const figures = await run(size);
      context.log(`  ${per}, ${size}: ${JSON.stringify(figures)}`);
      points.push([size, figures]);
    }
  }
  return points;
}

/** Larger bodies of the same number of fetches. */
async function measureBodies(context: BenchContext, ports: Ports): Promise<Family> {
  const per = 'kilobyte of body';
  const about = 'one worker, one origin, JSON of 5 to 100 kB; for one fetch';
  const fetches = 500;
  const bench = await SlopeBench.start(context, ports, { workers: 1, concurrency: IN_FLIGHT });
  await bench.fetch({ origins: 1, each: fetches, bytes: 5_000 });
  const points = await inTurns(context, per, [5, 25, 50, 100], async (kilobytes) => {
    const work = { origins: 1, each: fetches, bytes: kilobytes * 1_000 };
    const { workerMicros, diskBytes } = await bench.fetch(work);
    return { workerMicros: workerMicros / fetches, diskBytes: diskBytes / fetches };
  });
  return familyOf({ per, about }, points);
}

/** Small batches, whose plans stay in Redis. */
async function measureBatches(context: BenchContext, ports: Ports): Promise<Family> {
  const per = 'batch';
  const about = 'batches of ten fetches of one origin, one after the other; their fetches included';
  const bench = await SlopeBench.start(context, ports, { workers: 1, concurrency: IN_FLIGHT });
  const run = async (batches: number): Promise<void> => {
    for (let batch = 0; batch < batches; batch++) {
      await bench.fleet.finished(await bench.enqueue({ origins: 1, each: 10 }));
    }
  };
  // Scripts and buffers of Redis take memory once.
  await run(40);
  const points = await inTurns(context, per, [40, 80, 160], async (batches) => ({
    ...(await measure(bench.fleet, async () => run(batches))),
  }));
  return familyOf({ per, about }, points);
}

/** Fetches that wait in the queue; the process that enqueues them is this one. */
async function measurePending(context: BenchContext, ports: Ports): Promise<Family> {
  const per = 'pending fetch';
  const about = 'enqueued by one process, and not fetched';
  const bench = await SlopeBench.start(context, ports, { workers: 0, concurrency: IN_FLIGHT });
  const points = await inTurns(context, per, [50_000, 100_000, 200_000], async (fetches) => {
    const before = process.cpuUsage();
    const { redisMicros, redisBytes, networkBytes } = await measure(bench.fleet, async () => {
      await bench.enqueue({ origins: 100, each: fetches / 100 });
    });
    const { user, system } = process.cpuUsage(before);
    return { producerMicros: user + system, redisMicros, redisBytes, networkBytes };
  });
  return familyOf({ per, about }, points);
}

/** Workers that have nothing to do: what they cost in a second, and what they hold. */
async function measureIdle(context: BenchContext, ports: Ports): Promise<Family> {
  const per = 'worker second';
  const about = 'workers without work; costs for each second, holdings for each worker';
  const points: Point[] = [];
  for (const workers of [1, 2, 4]) {
    const bench = await SlopeBench.start(context, ports, { workers, concurrency: IN_FLIGHT });
    await bench.fetch({ origins: 1, each: 500 * workers });
    const reading = await measure(bench.fleet, async () => {
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    });
    const { workerMicros, redisMicros, commands, networkBytes } = reading;
    const seconds = IDLE_MS / 1000;
    const figures = {
      workerMicros: workerMicros / seconds,
      redisMicros: redisMicros / seconds,
      commands: commands / seconds,
      networkBytes: networkBytes / seconds,
      ...(await holdings(bench.fleet)),
    };
    context.log(`  ${per}, ${workers}: ${JSON.stringify(figures)}`);
    points.push([workers, figures]);
    await context.endBenchmark();
  }
  return familyOf({ per, about }, points);
}

/** What a worker holds while it is full. */
async function measureInFlight(context: BenchContext, ports: Ports): Promise<Family> {
  const per = 'fetch in flight';
  const about = 'one worker, full, answers after a second';
  const points: Point[] = [];
  for (const concurrency of [100, 200, 400, 800]) {
    const bench = await SlopeBench.start(context, ports, { workers: 1, concurrency });
    const work = bench.fetch({ origins: 1, each: concurrency * 4, latencyMs: 1_000 });
    let most = { descriptors: 0, residentBytes: 0 };
    const note = async (): Promise<void> => {
      const now = await holdings(bench.fleet);
      most = {
        descriptors: Math.max(most.descriptors, now.descriptors),
        residentBytes: Math.max(most.residentBytes, now.residentBytes),
      };
    };
    const look = setInterval(() => void note(), LOOK_MS);
    await work;
    clearInterval(look);
    context.log(`  ${per}, ${concurrency}: ${JSON.stringify(most)}`);
    points.push([concurrency, most]);
    await context.endBenchmark();
  }
  return familyOf({ per, about }, points);
}
