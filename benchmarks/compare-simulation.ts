/**
 * Runs the small cases of the simulation with real workers and writes scale/compared.json. Other
 * load on the machine makes runs slower, so each case is run several times. `--add` keeps the runs
 * that are stored.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '@fetchfleet/testing';
import { BenchContext } from './context.ts';
import { figure, percent } from './format.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { compareCase, readRealRuns, type RealRuns, writeRealRuns } from './scale/compared.ts';
import { RealCases } from './scale/real-case.ts';
import { updatePage } from './scale/scale-page.ts';
import { SMALL_CASES } from './simulation/small-cases.ts';

const SCRATCH = join(repositoryRoot, 'node_modules/.cache/fetchfleet-compare');

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    add: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  throw new Error(`--rounds is a whole number from 1, not "${values.rounds}"`);
}

/** Runs all cases once, and stores them with those before. */
async function runAll(context: BenchContext, before: RealRuns['cases']): Promise<RealRuns> {
  const cases = { ...before };
  for (const given of SMALL_CASES) {
    const real = await (await RealCases.start(context)).run(given);
    await context.endBenchmark();
    console.error(`${given.name}: ${figure(real.seconds)} s, ${figure(real.pace)}/s`);
    cases[given.name] = [...(cases[given.name] ?? []), real];
  }
  const takenAt = new Date().toISOString();
  const runs = { takenAt, commit: describeCommit(), machine: describeMachine(), cases };
  await writeRealRuns(runs);
  return runs;
}

await rm(SCRATCH, { recursive: true, force: true });
await mkdir(SCRATCH, { recursive: true });
const context = new BenchContext({ rounds, isQuick: false, folder: SCRATCH, log: console.error });
try {
  let runs = values.add ? await readRealRuns() : undefined;
  for (let round = 0; round < rounds; round++) {
    runs = await runAll(context, runs?.cases ?? {});
  }
  for (const given of runs === undefined ? [] : SMALL_CASES) {
    const { name, secondsError, paceError } = compareCase(given, runs ?? { cases: {} });
    console.log(`${name}: ${percent(secondsError)} of the time, ${percent(paceError)} of the pace`);
  }
  await updatePage();
} finally {
  await context.stop();
  await rm(SCRATCH, { recursive: true, force: true });
}
