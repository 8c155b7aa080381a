import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { count, figure } from './format.ts';
import { inSources } from './profile-sources.ts';
import { type CpuProfile, selfTimes } from './self-times.ts';

const IN_FLIGHT = 64;
const WARM_UP = 20_000;
const FETCHES = 60_000;
const SHOWN = 45;
const SOURCES = 16;
/** The source file in which fetching starts. */
const FIRST = 'slice-run.';

export const profileBenchmark: Benchmark = {
  name: 'profile',
  title: 'Where the time of a worker goes',
  about: `One worker under \`--cpu-prof\`: native transport, no latency, ${IN_FLIGHT} in flight. The time of each
function excludes the functions that it calls, but native code and system calls are listed
separately. It is wall-clock time, so other programs lengthen it, and so does the profiler.`,
  isExtra: true,
  run: profileWorker,
};

async function profileWorker(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const url = (await context.origin()).items();
  const folder = await mkdtemp(join(context.folder, 'profile-'));
  const fetches = context.scaled(FETCHES);
  const fleet = await BenchFleet.start(context, {
    redis,
    concurrency: IN_FLIGHT,
    nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${folder}`],
  });
  await fleet.run({ url, fetches: WARM_UP });
  const { seconds } = await fleet.run({ url, fetches });
  // Node writes the profile at its exit.
  await Promise.all(fleet.workers.map(async (worker) => worker.kill('SIGTERM')));
  const [name = ''] = await readdir(folder);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the format of Node
  const profile = JSON.parse(await readFile(join(folder, name), 'utf8')) as CpuProfile;
  const times = selfTimes(inSources(profile), FIRST);
  const busy = times.filter(({ what }) => what !== '(idle)');
  const whole = busy.reduce((sum, { micros }) => sum + micros, 0);
  const each = (micros: number): string => figure(micros / (WARM_UP + fetches));
  return {
    tables: [
      {
        title: `${count(fetches / seconds)} fetches/s, ${each(whole)} µs of the main thread for each`,
        head: ['function', 'µs per fetch', '%'],
        rows: busy
          .slice(0, SHOWN)
          .map(({ what, micros }) => [what, each(micros), ((micros / whole) * 100).toFixed(1)]),
      },
      {
        title: 'By where it is from',
        head: ['', 'µs per fetch', '%'],
        rows: bySource(busy)
          .slice(0, SOURCES)
          .map(([source, micros]) => [source, each(micros), ((micros / whole) * 100).toFixed(1)]),
      },
    ],
    charts: [],
    measures: {},
  };
}

function bySource(times: readonly { source: string; micros: number }[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { source, micros } of times) {
    sums.set(source, (sums.get(source) ?? 0) + micros);
  }
  return [...sums].toSorted(([, a], [, b]) => b - a);
}
