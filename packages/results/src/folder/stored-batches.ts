import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import { systemErrorCode } from './errors.ts';
import { batchFolder } from './layout.ts';
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

/** Removes the results of a batch. Does nothing if there are none. */
export async function removeBatch(dir: string, batch: string): Promise<void> {
  await rm(batchFolder(dir, batch), { recursive: true, force: true, maxRetries: 3 });
}
