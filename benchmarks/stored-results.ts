import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Findings } from './benchmark.ts';

const FOLDER = fileURLToPath(new URL('./results/', import.meta.url));

/** A benchmark's findings and what they depend on: one file for each, from which the report is made. */
export interface StoredResult {
  readonly name: string;
  readonly findings: Findings;
  /** ISO 8601, of its end. */
  readonly takenAt: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly commit: string;
  readonly machine: readonly string[];
}

/** Quick looks are kept apart: they are no results. */
export async function saveResult(result: StoredResult): Promise<void> {
  const file = fileOf(result.name, result.isQuick);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
}

/** @returns undefined if that benchmark has not run yet */
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
