import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '@fetchfleet/testing';
import { enqueueBars, workerBar } from './bars.ts';
import { enqueueRun } from './enqueue-run.ts';
import { describeMachine } from './machine.ts';
import { type Origin, startFastOrigin, startSampleApi } from './origin.ts';
import { sideBySide } from './side-by-side.ts';
import { count, factTable, scoreTable } from './table.ts';

/** Where Redis and the results are kept: on the disk of the project, not in a memory file system. */
const SCRATCH = join(repositoryRoot, 'node_modules/.cache/fetchfleet-bench');
const LATENCY_MS = 100;

const PARTS = ['speed', 'latency', 'enqueue'] as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    part: { type: 'string', multiple: true, default: [...PARTS] },
    enqueue: { type: 'string', default: '1000000' },
  },
});
const rounds = Number(values.rounds);

/** What a worker costs where the origin answers at once. */
async function speed(origin: Origin, folder: string): Promise<void> {
  const inFlight = 64;
  const fetches = { sequential: 1_500, got: 5_000, undici: 30_000, worker: 20_000 };
  const scores = await sideBySide(origin, { inFlight, fetches, rounds, folder });
  console.log(scoreTable(`No latency, ${inFlight} in flight (${origin.name})`, scores));
  console.log(factTable([workerBar(scores)]));
}

/** What fetching at the same time is worth where every answer takes its time. */
async function latency(folder: string): Promise<void> {
  const origin = await startSampleApi(LATENCY_MS);
  try {
    for (const inFlight of [100, 400]) {
      const ideal = inFlight * (1000 / LATENCY_MS);
      const many = ideal * 2;
      const fetches = { sequential: 15, got: many, undici: many, worker: many };
      const scores = await sideBySide(origin, { inFlight, fetches, rounds, folder });
      const title = `${LATENCY_MS} ms latency, ${inFlight} in flight: ideal ${count(ideal)}/s`;
      console.log(scoreTable(`${title} (${origin.name})`, scores));
    }
  } finally {
    await origin.stop();
  }
}

async function enqueue(folder: string): Promise<void> {
  const total = Number(values.enqueue);
  const figures = await enqueueRun(total, await mkdtemp(join(folder, 'enqueue-')));
  console.log(`\nEnqueue ${count(total)} fetches\n${factTable(enqueueBars(figures))}`);
}

await mkdir(SCRATCH, { recursive: true });
const folder = await mkdtemp(join(SCRATCH, 'run-'));
const origin = await startFastOrigin(folder);
try {
  console.log(describeMachine(origin.name));
  console.log(`Medians of ${rounds} rounds in turns; × is relative to one after the other.`);
  if (values.part.includes('speed')) await speed(origin, folder);
  if (values.part.includes('latency')) await latency(folder);
  if (values.part.includes('enqueue')) await enqueue(folder);
} finally {
  await origin.stop();
  await rm(folder, { recursive: true, force: true });
}
