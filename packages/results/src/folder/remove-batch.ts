import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import { batchFolder } from './layout.ts';
import { readManifest } from './manifest.ts';
import { systemErrorCode } from './system-error.ts';

/** The results of a batch as they lie in a results folder. */
interface StoredBatch {
  readonly batch: string;
  readonly bytes: number;
  /** When something was last written to it, epoch milliseconds. */
  readonly changedAt: number;
}

/** How large the results of a batch are; undefined if there are none in this folder. */
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
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function statOf(path: string) {
  return stat(path).catch(() => undefined); // it has gone meanwhile
}

/** Batches that have results in a folder, those that lie there for other reasons left out. */
export async function storedBatches(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const ids = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const known = await Promise.all(
    ids.map(async (id) => (isBatchId(id) ? readManifest(dir, id) : undefined)),
  );
  return ids.filter((_, at) => known[at] !== undefined);
}

/** Removes the results of a batch. One that is not there (any more) is fine. */
export async function removeBatch(dir: string, batch: string): Promise<void> {
  await rm(batchFolder(dir, batch), { recursive: true, force: true, maxRetries: 3 });
}
