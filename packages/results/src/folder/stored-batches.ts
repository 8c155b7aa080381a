import { lstat, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import { systemErrorCode } from './errors.ts';
import { batchFolder, PART_NAME } from './layout.ts';
import { readManifest } from './manifest.ts';

/** The size and age of the results of one batch. */
interface StoredBatch {
  readonly batch: string;
  readonly bytes: number;
  /** Last change of a file in the batch folder, epoch milliseconds. */
  readonly changedAt: number;
}

/** Size and age of the results of a batch; undefined if this folder has none. */
export async function measureBatch(dir: string, batch: string): Promise<StoredBatch | undefined> {
  const folder = batchFolder(dir, batch);
  try {
    const names = await readdir(folder);
    const stats = await Promise.all(names.map(async (name) => statOf(join(folder, name))));
    const files = stats.filter((one) => one !== undefined);
    const own = (await stat(folder)).mtimeMs;
    return {
      batch,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      changedAt: files.reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), own),
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
  return stat(path).catch(() => undefined); // removed since the folder was listed
}

/** Ids of the batches in a results folder. Folders without a manifest are not batches. */
export async function storedBatches(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const ids = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const known = await Promise.all(
    ids.map(async (id) => (isBatchId(id) ? readManifest(dir, id) : undefined)),
  );
  return ids.filter((_, at) => known[at] !== undefined);
}

/** What is left of a batch in a results folder. `kept`: it holds files that are not ours. */
type Removal = 'removed' | 'kept';

/** The manifest goes last: while it is there, an interrupted removal can go on. */
const OURS = [PART_NAME, /^batch\.json\..+\.tmp$/, /^batch\.json$/];

/**
 * Removes the results of a batch: the files that workers write, then the folder if it is empty. The
 * id of a batch may come from a Redis that others write to, so nothing else is touched: a folder
 * whose manifest does not name the batch is kept whole, and so is what a symbolic link leads to.
 */
export async function removeBatch(dir: string, batch: string): Promise<Removal> {
  const folder = batchFolder(dir, batch);
  const names = await namesIn(folder);
  if (names === undefined) {
    return 'removed';
  }
  if (names.length > 0 && (await readManifest(dir, batch)) === undefined) {
    return 'kept';
  }
  for (const pattern of OURS) {
    const found = names.filter((name) => pattern.test(name));
    await Promise.all(found.map(async (name) => rm(join(folder, name), { force: true })));
  }
  try {
    await rmdir(folder);
    return 'removed';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOTEMPTY') {
      return 'kept';
    }
    throw error;
  }
}

/** What is in a folder; undefined if there is none. A link to a folder is none. */
async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return (await lstat(folder)).isDirectory() ? await readdir(folder) : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
