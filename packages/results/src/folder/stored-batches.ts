import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import { ResultsUnreadableError, systemErrorCode, UnfitFileError } from './errors.ts';
import { batchFolder, CACHE_NAME, PART_NAME } from './layout.ts';
import { readManifest } from './manifest.ts';
import { refuseLink } from './regular-file.ts';

/** The size and age of the results of one batch. */
export interface StoredBatch {
  readonly batch: string;
  readonly bytes: number;
  /** Last change of a file in the batch folder, epoch milliseconds. */
  readonly changedAt: number;
}

/**
 * Size and age of the results of a batch; undefined if this folder has none. A link in place of the
 * folder is measured itself, and not what it leads to.
 */
export async function measureBatch(dir: string, batch: string): Promise<StoredBatch | undefined> {
  const folder = batchFolder(dir, batch);
  try {
    const own = await lstat(folder);
    const names = own.isSymbolicLink() ? [] : await readdir(folder);
    const stats = await Promise.all(names.map(async (name) => statOf(join(folder, name))));
    const files = stats.filter((one) => one !== undefined);
    return {
      batch,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      changedAt: files.reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), own.mtimeMs),
    };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  }
}

async function statOf(path: string) {
  return lstat(path).catch(() => undefined); // removed since the folder was listed
}

/** Ids of the batches in a results folder. Folders without a readable manifest are not batches. */
export async function storedBatches(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const ids = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const known = await Promise.all(
    ids.map(async (id) => (isBatchId(id) ? readableManifest(dir, id) : undefined)),
  );
  return ids.filter((_, at) => known[at] !== undefined);
}

async function readableManifest(dir: string, batch: string) {
  return readManifest(dir, batch).catch((error: unknown) => {
    if (error instanceof ResultsUnreadableError) {
      return undefined;
    }
    throw error;
  });
}

/** Why a batch was kept. */
export const NOT_OURS = 'it holds something that no worker has written';

/** The manifest goes last: while it is there, an interrupted removal can go on. */
const OURS = [CACHE_NAME, PART_NAME, /^batch\.json\..+\.tmp$/, /^batch\.json$/];

/**
 * Removes the results of a batch: the files that workers and queries write, then the folder if it
 * is empty. The id of a batch may come from a Redis that others write to, so nothing else is
 * touched: a folder whose manifest does not name the batch is kept whole, and so is what a symbolic
 * link leads to.
 *
 * @returns why something was kept; undefined if nothing is left
 * @throws ResultsUnreadableError; the error of the file system
 */
export async function removeBatch(dir: string, batch: string): Promise<string | undefined> {
  const folder = batchFolder(dir, batch);
  try {
    await refuseLink(folder);
    const entries = await readdir(folder, { withFileTypes: true });
    if (entries.length > 0 && (await readManifest(dir, batch)) === undefined) {
      return NOT_OURS;
    }
    const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    for (const pattern of OURS) {
      const found = names.filter((name) => pattern.test(name));
      await Promise.all(found.map(async (name) => rm(join(folder, name), { force: true })));
    }
    await rmdir(folder);
    return undefined;
  } catch (error) {
    return reasonToKeep(error);
  }
}

function reasonToKeep(error: unknown): string | undefined {
  if (error instanceof UnfitFileError) {
    return error.message;
  }
  const code = systemErrorCode(error);
  if (code === 'ENOENT') {
    return undefined;
  }
  if (code === 'ENOTEMPTY' || code === 'ENOTDIR') {
    return NOT_OURS;
  }
  throw error;
}
