import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { type EnqueueFigures, enqueueRun } from './enqueue-run.ts';
import { count, figure, mebibytes, spreadCells } from './format.ts';
import { spreadOf } from './statistics.ts';

const FETCHES = 1_000_000;
/** Factor for the run that measures the memory of the producer. */
const LONGER = 4;

export const enqueueBenchmark: Benchmark = {
  name: 'enqueue',
  title: 'The producer alone',
  about: `\`fetchfleet start\` without a worker, in its own Redis, from the registration of the batch
to the final status of the command. _Redis bytes_ are the growth of \`used_memory\`. Resident memory
includes garbage; the heap after a full collection does not.`,
  run: measureEnqueue,
};

async function measureEnqueue(context: BenchContext): Promise<Findings> {
  const fetches = context.scaled(FETCHES);
  const runs: EnqueueFigures[] = [];
  for (let round = 0; round < context.rounds; round++) {
    const run = await enqueueRun(fetches, await mkdtemp(join(context.folder, 'enqueue-')));
    context.log(`  ${figure(run.fetchesPerSecond)}/s`);
    runs.push(run);
  }
  const longer = await enqueueRun(
    fetches * LONGER,
    await mkdtemp(join(context.folder, 'enqueue-')),
  );
  const rate = spreadOf(runs.map(({ fetchesPerSecond }) => fetchesPerSecond));
  const bytes = spreadOf(runs.map(({ redisBytesPerFetch }) => redisBytesPerFetch));
  return {
    tables: [
      {
        title: `${count(fetches)} fetches`,
        head: ['', 'median', 'lowest – highest'],
        rows: [
          ['fetches/s', ...spreadCells(rate)],
          ['Redis bytes for a pending fetch', ...spreadCells(bytes)],
        ],
      },
      {
        title: `Memory of the producer in MiB, ${count(fetches * LONGER)} fetches`,
        head: ['', ''],
        rows: [
          ['resident, the most in each quarter of the time', inMebibytes(longer.residentByQuarter)],
          ['heap after each full collection', inMebibytes(longer.liveHeap)],
        ],
      },
    ],
    charts: [],
    measures: { 'fetches per second': rate, 'Redis bytes per fetch': bytes },
  };
}

function inMebibytes(values: readonly number[]): string {
  return values.map(mebibytes).join(' · ');
}
