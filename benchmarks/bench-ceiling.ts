import { spawnSync } from 'node:child_process';
import { startProcess } from '@fetchfleet/testing';
import type { Benchmark, Findings } from './benchmark.ts';
import { startBuilt } from './binaries.ts';
import type { BenchContext } from './context.ts';
import { count, figure, spreadCells } from './format.ts';
import { BODY_BYTES } from './origin-shapes.ts';
import { spreadOf } from './statistics.ts';

const SECONDS = 1;
/** Longer runs for delayed answers: the first delay would be a tenth of a run of 1 s. */
const DELAYED_SECONDS = 5;
/** Requests in flight at the delayed origin. */
const DELAYED = [100, 400, 1_000];

export const ceilingBenchmark: Benchmark = {
  name: 'ceiling',
  title: 'What the origin can do',
  about: `\`wrk\`, a load generator in C, with one thread for ${SECONDS} s, or ${DELAYED_SECONDS} s with delayed
answers: the origin is not the bottleneck of the other benchmarks. The sample API is shown for
comparison; the benchmarks do not use it.`,
  run: measureCeiling,
};

async function measureCeiling(context: BenchContext): Promise<Findings> {
  if (spawnSync('wrk', ['-v'], { stdio: 'ignore' }).error !== undefined) {
    const remark = 'Absent: wrk (apt-get install wrk, brew install wrk).';
    return { tables: [], charts: [], measures: {}, remarks: [remark] };
  }
  const origin = await context.origin();
  const sampleApi = await startBuilt('sampleApi', ['--port', '0', '--json']);
  context.onEnd(async () => sampleApi.kill('SIGTERM'));
  const [, sampleUrl = ''] = await sampleApi.waitForLine(/"origin":"([^"]+)"/);
  const cases = [
    ...BODY_BYTES.map((bytes) => ({
      name: `${origin.name}, ${count(bytes)} bytes`,
      url: origin.items(bytes),
      inFlight: 64,
      seconds: SECONDS,
    })),
    ...DELAYED.map((inFlight) => ({
      name: `${origin.name}, 100 ms latency`,
      url: origin.delayed(100),
      inFlight,
      seconds: DELAYED_SECONDS,
    })),
    {
      name: 'sample API',
      url: `${sampleUrl}/country/norway/status/confirmed`,
      inFlight: 64,
      seconds: SECONDS,
    },
  ];
  const rows: string[][] = [];
  for (const { name, ...load } of cases) {
    const rates: number[] = [];
    for (let round = 0; round < context.rounds; round++) {
      rates.push(await wrk(load));
    }
    const spread = spreadOf(rates);
    context.log(`  ${name}: ${figure(spread?.median ?? 0)}/s`);
    rows.push([name, count(load.inFlight), ...spreadCells(spread)]);
  }
  const head = ['', 'in flight', 'answers/s', 'slowest – fastest'];
  return { tables: [{ title: 'wrk', head, rows }], charts: [], measures: {} };
}

interface Load {
  readonly url: string;
  readonly inFlight: number;
  readonly seconds: number;
}

async function wrk({ url, inFlight, seconds }: Load): Promise<number> {
  const flags = ['-t1', `-c${inFlight}`, `-d${seconds}s`];
  const running = await startProcess('wrk', [...flags, url.replace('{n}', '0')]);
  await running.exit;
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(running.stdout)?.[1];
  if (rate === undefined || running.stdout.includes('Non-2xx')) {
    throw new Error(`wrk: ${running.stdout}${running.stderr}`);
  }
  return Number(rate);
}
