import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot, startProcess, startRedis } from '@fetchfleet/testing';
import { type GateCase, type ManyOrigins, runGateCase } from './gate-cases.ts';
import { GateFleet } from './gate-fleet.ts';
import { GATE_HEAD, GATE_UNITS, gateRow } from './gate-table.ts';
import { describeMachine } from './machine.ts';

const SCRATCH = join(repositoryRoot, 'node_modules/.cache/fetchfleet-bench-gate');
const WORKERS = 4;
const FREE = { rate: 'unlimited', perSecond: Infinity };

/** A similar number of fetches from 1, 100 and 10,000 origins, and a backlog that mostly waits. */
const CASES: readonly GateCase[] = [
  { origins: 1, fetches: 30_000, ...FREE },
  { origins: 100, fetches: 300, ...FREE },
  { origins: 10_000, fetches: 2, ...FREE },
  { origins: 1, fetches: 2_000, rate: '200/s', perSecond: 200 },
  { origins: 1, fetches: 20_000, rate: '2000/s', perSecond: 2_000 },
  { origins: 100, fetches: 200, rate: '20/s', perSecond: 20 },
  { origins: 10_000, fetches: 2, rate: '12/m', perSecond: 0.2 },
  {
    origins: 1,
    fetches: 100_000,
    rate: '20/s',
    perSecond: 20,
    watch: { afterMs: 10_000, forMs: 15_000 },
  },
];

async function startOrigins(): Promise<ManyOrigins> {
  const server = fileURLToPath(new URL('./gate-origin-server.ts', import.meta.url));
  const running = await startProcess('node', [server]);
  const [, port = ''] = await running.waitForLine(/listening on (\d+)/);
  return { port: Number(port), running };
}

async function main(folder: string): Promise<void> {
  const origins = await startOrigins();
  const redis = await startRedis({ appendonly: true, dir: await mkdtemp(join(folder, 'redis-')) });
  const fleet = await GateFleet.start(redis, WORKERS, join(folder, 'results'));
  try {
    // Opens connections and compiles code.
    await runGateCase(fleet, origins, { origins: 10, fetches: 500, ...FREE });
    console.log(GATE_HEAD);
    console.log(GATE_UNITS);
    for (const given of CASES) {
      console.log(gateRow(given, await runGateCase(fleet, origins, given)));
    }
  } finally {
    await fleet.stop();
    await redis.dispose();
    await origins.running.kill('SIGTERM');
  }
}

if (process.platform === 'linux') {
  // Removes the files of an interrupted run.
  await rm(SCRATCH, { recursive: true, force: true });
  await mkdir(SCRATCH, { recursive: true });
  try {
    console.log(describeMachine().join('\n'));
    console.log(
      `The gate: ${WORKERS} workers, native transport, an origin that answers at once. One run.`,
    );
    console.log(
      'Workers, Redis, origins and this program share the machine. Limits are per origin.\n',
    );
    await main(SCRATCH);
  } finally {
    await rm(SCRATCH, { recursive: true, force: true });
  }
} else {
  console.error('bench:gate: needs Linux, where all of 127.0.0.0/8 is this machine');
  process.exitCode = 2;
}
