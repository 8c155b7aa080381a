import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchFleet } from './bench-fleet.ts';
import { startBuilt } from './binaries.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { crawlText } from './crawl-text.ts';
import { figure, spreadCells } from './format.ts';
import { type Spread, spreadOf } from './statistics.ts';

const FETCHES = 195;
const LATENCY_MS = 100;
const WORKERS = 4;
const IN_FLIGHT = 50;
const WARM_UP = 2_000;
const DEADLINE_MS = 60_000;

export const smallBenchmark: Benchmark = {
  name: 'small',
  title: 'A small batch, everything included',
  about: `${FETCHES} fetches of ${LATENCY_MS} ms. \`fetchfleet run\` starts a private Redis and ${WORKERS} workers with
${IN_FLIGHT} in flight each, fetches, and stops them all; its time is that of the whole command. The other
line is one warm, idle worker of a fleet, from the first slice to the last record. Sequentially, the
fetches would take ${(FETCHES * LATENCY_MS) / 1000} s.`,
  run: measureSmall,
};

async function measureSmall(context: BenchContext): Promise<Findings> {
  const url = (await context.origin()).delayed(LATENCY_MS);
  const redis = await context.redis();
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT * WORKERS });
  await fleet.run({ url, fetches: WARM_UP });
  const whole: number[] = [];
  const warm: number[] = [];
  for (let round = 0; round < context.rounds; round++) {
    whole.push(await runCommand(context, url));
    warm.push((await fleet.run({ url, fetches: FETCHES })).seconds);
  }
  const seconds = spreadOf(whole);
  return {
    tables: [
      {
        title: `${FETCHES} fetches of ${LATENCY_MS} ms`,
        head: ['', 'seconds', 'lowest – highest'],
        rows: [row('fetchfleet run', seconds), row('in a fleet that waits', spreadOf(warm))],
      },
    ],
    charts: [],
    measures: { seconds },
  };
}

/** Seconds from the start to the exit, in a new folder. */
async function runCommand(context: BenchContext, url: string): Promise<number> {
  const folder = await mkdtemp(join(context.folder, 'run-'));
  const file = join(folder, 'small.yaml');
  await writeFile(file, crawlText({ url, fetches: FETCHES }));
  const size = ['--workers', String(WORKERS), '--concurrency', String(IN_FLIGHT)];
  const startedAt = performance.now();
  const args = ['run', file, ...size, '--transport', 'native', '--json'];
  const running = await startBuilt('producer', args, { cwd: folder });
  const timer = setTimeout(() => running.signal('SIGINT'), DEADLINE_MS);
  const { code } = await running.exit;
  clearTimeout(timer);
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) {
    throw new Error(`fetchfleet run ended with ${code}: ${running.stderr}`);
  }
  context.log(`  fetchfleet run: ${figure(seconds)} s`);
  return seconds;
}

function row(name: string, spread: Spread | undefined): string[] {
  return [name, ...spreadCells(spread)];
}
