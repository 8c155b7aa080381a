import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import { InvalidIdError, readError, ResultsNotFoundError, systemErrorCode } from './errors.ts';

/**
 * The files in a results folder:
 *
 *     <dir>/.fetchfleet-results                 marker: the id of this results folder
 *     <dir>/<batch>/batch.json                  manifest: what an export needs to know of the batch
 *     <dir>/<batch>/part-<worker>-<n>.ndjson    records, one per line, in the order they ended
 */
const WORKER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;
export const PART_NAME = /^part-.+-\d+\.ndjson$/;

/**
 * The folder of a batch. Ids are user input; this check keeps them from pointing outside `dir`.
 *
 * @throws InvalidIdError
 */
export function batchFolder(dir: string, batch: string): string {
  if (!isBatchId(batch)) {
    throw new InvalidIdError(`${JSON.stringify(batch.slice(0, 80))} is not a batch id`);
  }
  return join(dir, batch);
}

/** @throws InvalidIdError unless the id of a worker can be part of a file name */
export function assertWorkerId(worker: string): void {
  if (WORKER_ID.test(worker)) {
    return;
  }
  const shown = JSON.stringify(worker.slice(0, 80));
  throw new InvalidIdError(
    `${shown} is not a worker id: 1 to 40 letters, digits, ".", "_" and "-"`,
  );
}

export function rootMarkerPath(dir: string): string {
  return join(dir, '.fetchfleet-results');
}

export function manifestPath(folder: string): string {
  return join(folder, 'batch.json');
}

export function partPath(folder: string, worker: string, number: number): string {
  return join(folder, `part-${worker}-${number}.ndjson`);
}

/**
 * The folders of a batch in several results folders: those that exist.
 *
 * @returns the results folders with their parts, at least one
 * @throws ResultsNotFoundError if none has the batch; ResultsUnreadableError
 */
export async function findParts(
  dirs: readonly string[],
  batch: string,
): Promise<readonly { readonly dir: string; readonly parts: readonly string[] }[]> {
  const found: { readonly dir: string; readonly parts: readonly string[] }[] = [];
  let missing: ResultsNotFoundError | undefined;
  for (const dir of new Set(dirs)) {
    try {
      found.push({ dir, parts: await listParts(batchFolder(dir, batch)) });
    } catch (error) {
      if (!(error instanceof ResultsNotFoundError)) {
        throw error;
      }
      missing ??= error;
    }
  }
  if (found.length === 0 && missing !== undefined) {
    throw missing;
  }
  return found;
}

/**
 * Paths of all parts of a batch, sorted by name.
 *
 * @throws ResultsNotFoundError, ResultsUnreadableError
 */
export async function listParts(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => PART_NAME.test(name))
      .toSorted()
      .map((name) => join(folder, name));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') {
      throw readError(folder, error);
    }
    throw new ResultsNotFoundError(`there are no results in ${folder}`, { cause: error });
  }
}
