import { spawnSync } from 'node:child_process';
import { startProcess } from '@fetchfleet/testing';
import type { Benchmark, Findings } from './benchmark.ts';
import { startBuilt } from './binaries.ts';
import type { BenchContext } from './context.ts';
import { count, figure, spreadCells } from './format.ts';
import { BODY_BYTES } from './origin-shapes.ts';
import { spreadOf } from './statistics.ts';

const SECONDS = 1;

export const ceilingBenchmark: Benchmark = {
  name: 'ceiling',
  title: 'What the origin can do',
  about: `\`wrk\`, a load generator in C, with one thread for ${SECONDS} s: what stands here is no bottleneck for the rest. The sample API is shown
for comparison; it is not used.`,
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
    })),
    { name: `${origin.name}, 100 ms latency`, url: origin.delayed(100), inFlight: 100 },
    { name: `${origin.name}, 100 ms latency`, url: origin.delayed(100), inFlight: 1_000 },
    { name: 'sample API', url: `${sampleUrl}/country/norway/status/confirmed`, inFlight: 64 },
  ];
  const rows: string[][] = [];
  for (const { name, url, inFlight } of cases) {
    const rates: number[] = [];
    for (let round = 0; round < context.rounds; round++) rates.push(await wrk(url, inFlight));
    const spread = spreadOf(rates);
    context.log(`  ${name}: ${figure(spread?.median ?? 0)}/s`);
    rows.push([name, count(inFlight), ...spreadCells(spread)]);
  }
  const head = ['', 'in flight', 'answers/s', 'slowest – fastest'];
  return { tables: [{ title: 'wrk', head, rows }], charts: [], measures: {} };
}

async function wrk(url: string, inFlight: number): Promise<number> {
  const flags = ['-t1', `-c${inFlight}`, `-d${SECONDS}s`];
  const running = await startProcess('wrk', [...flags, url.replace('{n}', '0')]);
  await running.exit;
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(running.stdout)?.[1];
  if (rate === undefined || running.stdout.includes('Non-2xx')) {
    throw new Error(`wrk: ${running.stdout}${running.stderr}`);
  }
  return Number(rate);
}
