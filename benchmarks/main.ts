import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '@fetchfleet/testing';
import { enqueueBars, memoryLines, workerBar } from './bars.ts';
import { enqueueRun } from './enqueue-run.ts';
import { describeMachine } from './machine.ts';
import { type Options, readOptions } from './options.ts';
import { startFastOrigin, startSampleApi } from './origin.ts';
import { sideBySide } from './side-by-side.ts';
import { count, factTable, scoreTable } from './table.ts';

/** Where Redis and the results are kept: on the disk of the project, not in a memory file system. */
const SCRATCH = join(repositoryRoot, 'node_modules/.cache/fetchfleet-bench');
const WRONG_INPUT = 2;
const LATENCY_MS = 100;

/** What a worker costs where the origin answers at once. */
async function speed({ rounds }: Options, folder: string): Promise<void> {
  const origin = await startFastOrigin(folder);
  try {
    const inFlight = 64;
    const fetches = { sequential: 1_500, got: 5_000, undici: 30_000, worker: 20_000 };
    const scores = await sideBySide(origin, { inFlight, fetches, rounds, folder });
    console.log(scoreTable(`No latency, ${inFlight} in flight (${origin.name})`, scores));
    console.log(factTable([workerBar(scores)]));
  } finally {
    await origin.stop();
  }
}

/** What fetching at the same time is worth where every answer takes its time. */
async function latency({ rounds }: Options, folder: string): Promise<void> {
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

/** What a producer costs: in time, in Redis, and in its own memory. */
async function enqueue(options: Options, folder: string): Promise<void> {
  const total = options.enqueue;
  const figures = await enqueueRun(total, await mkdtemp(join(folder, 'enqueue-')));
  console.log(`\nEnqueue ${count(total)} fetches\n${factTable(enqueueBars(figures))}`);
  const many = total * 4;
  const longer = await enqueueRun(many, await mkdtemp(join(folder, 'enqueue-')));
  console.log(`Enqueue ${count(many)} fetches\n${factTable(memoryLines(longer))}`);
}

async function main(options: Options): Promise<void> {
  // What an interrupted run has left behind goes first.
  await rm(SCRATCH, { recursive: true, force: true });
  await mkdir(SCRATCH, { recursive: true });
  try {
    console.log(describeMachine());
    console.log(
      `Medians of ${options.rounds} rounds in turns; × is relative to one after the other.`,
    );
    if (options.parts.includes('speed')) await speed(options, SCRATCH);
    if (options.parts.includes('latency')) await latency(options, SCRATCH);
    if (options.parts.includes('enqueue')) await enqueue(options, SCRATCH);
  } finally {
    await rm(SCRATCH, { recursive: true, force: true });
  }
}

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    return readOptions(args);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = WRONG_INPUT;
    return undefined;
  }
}

const options = optionsOf(process.argv.slice(2));
if (options !== undefined) await main(options);
