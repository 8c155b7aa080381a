import { expect } from '@jest/globals';
import type { Project } from '../cli-fixture.ts';

interface Document {
  readonly batch: string;
  readonly state: string;
  readonly total: number;
  readonly settled: number;
  readonly ok: number;
  readonly failed: number;
  readonly results: string;
}

export function documentIn(stdout: string): Document {
  return JSON.parse(stdout) as Document;
}

export async function exportedIndexes(project: Project, batch: string): Promise<number[]> {
  const { code, stdout } = await project.call(['export', batch]);
  expect(code).toBe(0);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { index: number }).index);
}

export const RUN = ['run', 'crawl.yaml', '--workers', '2', '--concurrency', '10'];
/** Where the number of workers does not matter: each takes a third of a second of CPU to start. */
export const RUN_ONE = ['run', 'crawl.yaml', '--workers', '1', '--concurrency', '20'];
export const upTo = (total: number): number[] => Array.from({ length: total }, (_, index) => index);
