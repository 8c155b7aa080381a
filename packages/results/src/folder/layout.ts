import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import { systemErrorCode } from './system-error.ts';

/**
 * What lies in a results folder:
 *
 *     <dir>/<batch>/batch.json                  manifest: what an export needs to know
 *     <dir>/<batch>/part-<worker>-<n>.ndjson    records, one a line, in the order they ended
 */
const WORKER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;
const PART_NAME = /^part-.+-\d+\.ndjson$/;

/** An id that may not become the name of a file. */
export class InvalidIdError extends Error {
  override readonly name = 'InvalidIdError';
  readonly code = 'RESULTS_INVALID_ID';
}

/** No such folder: nothing was ever written for that batch here. */
export class NoResultsError extends Error {
  override readonly name = 'NoResultsError';
  readonly code = 'RESULTS_UNKNOWN_BATCH';
}

/** The folder of a batch. Ids come from outside, so this is where they are kept from leaving `dir`. */
export function batchFolder(dir: string, batch: string): string {
  if (!isBatchId(batch)) {
    throw new InvalidIdError(`${JSON.stringify(batch.slice(0, 80))} is not a batch id`);
  }
  return join(dir, batch);
}

/** Throws unless the id of a worker may be part of a file name. */
export function assertWorkerId(worker: string): void {
  if (WORKER_ID.test(worker)) return;
  throw new InvalidIdError(
    `${JSON.stringify(worker.slice(0, 80))} is not a worker id: 1 to 40 letters, digits, ".", "_" and "-"`,
  );
}

export function manifestPath(folder: string): string {
  return join(folder, 'batch.json');
}

export function partPath(folder: string, worker: string, number: number): string {
  return join(folder, `part-${worker}-${number}.ndjson`);
}

/** Paths of all parts of a batch, in a stable order. */
export async function listParts(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => PART_NAME.test(name))
      .toSorted()
      .map((name) => join(folder, name));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    throw new NoResultsError(`there are no results in ${folder}`, { cause: error });
  }
}
