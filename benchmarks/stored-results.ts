import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Findings } from './benchmark.ts';

const FOLDER = fileURLToPath(new URL('./results/', import.meta.url));

/** The findings of a benchmark with machine and commit: one file each, the input of the report. */
export interface StoredResult {
  readonly name: string;
  readonly findings: Findings;
  /** End of the benchmark, ISO 8601. */
  readonly takenAt: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly commit: string;
  readonly machine: readonly string[];
}

/** Quick runs have their own folder: they are not part of the report. */
export async function saveResult(result: StoredResult): Promise<void> {
  const file = fileOf(result.name, result.isQuick);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
}

/** @returns undefined if the benchmark has not run yet */
export async function loadResult(
  name: string,
  isQuick: boolean,
): Promise<StoredResult | undefined> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by saveResult()
    return JSON.parse(await readFile(fileOf(name, isQuick), 'utf8')) as StoredResult;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function fileOf(name: string, isQuick: boolean): string {
  return join(FOLDER, isQuick ? 'quick' : '.', `${name}.json`);
}
