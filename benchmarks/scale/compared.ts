import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { simulate } from '../simulation/simulate.ts';
import type { SmallCase } from '../simulation/small-cases.ts';
import { scenarioOf } from '../simulation/small-scenario.ts';
import type { CaseResult } from './case-result.ts';

const FILE = fileURLToPath(new URL('./compared.json', import.meta.url));

/** Real runs of the small cases. */
export interface RealRuns {
  /** ISO 8601. */
  readonly takenAt: string;
  readonly commit: string;
  readonly machine: readonly string[];
  /** All runs of each case, by its name. */
  readonly cases: Readonly<Record<string, readonly CaseResult[]>>;
}

/** A case beside its simulation. */
export interface Comparison {
  readonly name: string;
  readonly runs: number;
  readonly real: CaseResult;
  readonly simulated: CaseResult;
  /** Simulated ÷ real − 1. */
  readonly secondsError: number;
  readonly paceError: number;
}

/**
 * Compares with the fastest run. The simulation knows nothing of other load on the machine, which
 * can only make a run slower.
 *
 * @throws Error if the case was not run
 */
export function compareCase(given: SmallCase, { cases }: Pick<RealRuns, 'cases'>): Comparison {
  const runs = cases[given.name] ?? [];
  const [real] = runs.toSorted((a, b) => a.seconds - b.seconds);
  if (real === undefined) {
    throw new Error(`"${given.name}" was not run: npm run simulate:compare`);
  }
  const { finishedAt = Infinity, pace = 0 } = simulate(scenarioOf(given));
  return {
    name: given.name,
    runs: runs.length,
    real,
    simulated: { seconds: finishedAt, pace },
    secondsError: finishedAt / real.seconds - 1,
    paceError: pace / real.pace - 1,
  };
}

export async function readRealRuns(): Promise<RealRuns> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by writeRealRuns()
  return JSON.parse(await readFile(FILE, 'utf8')) as RealRuns;
}

export async function writeRealRuns(runs: RealRuns): Promise<void> {
  await writeFile(FILE, `${JSON.stringify(runs, undefined, 2)}\n`);
}
