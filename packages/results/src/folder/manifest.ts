import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, syncFolder } from './durable-folder.ts';
import { batchFolder, manifestPath } from './layout.ts';
import { systemErrorCode } from './system-error.ts';

/** What an export must know of a batch besides its records, so that it needs no Redis. */
export interface Manifest {
  readonly batch: string;
  readonly name: string;
  /** Fetches of the batch; 0 while that is unknown. */
  readonly total: number;
  /** Parameter names in the order of the crawl file. */
  readonly params: readonly string[];
  /** The URL template. */
  readonly url: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The manifest of a batch; undefined if there is none, or none that can be understood. */
export async function readManifest(dir: string, batch: string): Promise<Manifest | undefined> {
  try {
    const text = await readFile(manifestPath(batchFolder(dir, batch)), 'utf8');
    const value: unknown = JSON.parse(text);
    return isManifest(value) && value.batch === batch ? value : undefined;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Makes the folder of a batch with its manifest. Many workers do this at once: who knows the total
 * replaces the file, who does not only creates it, so that a known total never becomes unknown.
 */
export async function ensureManifest(dir: string, manifest: Manifest): Promise<void> {
  const folder = batchFolder(dir, manifest.batch);
  const present = await readManifest(dir, manifest.batch);
  if (present !== undefined && (present.total > 0 || manifest.total === 0)) return;
  await makeFolder(folder);
  const target = manifestPath(folder);
  const draft = `${target}.${randomUUID()}.tmp`;
  try {
    await writeSynced(draft, `${JSON.stringify(manifest, undefined, 2)}\n`);
    await (manifest.total > 0 ? rename(draft, target) : createFrom(draft, target));
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(target));
}

async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Gives the draft its name only if that is free. */
async function createFrom(draft: string, target: string): Promise<void> {
  try {
    await link(draft, target);
  } catch (error) {
    // Whoever was faster knows at least as much. File systems without links get the plain rename.
    if (systemErrorCode(error) !== 'EEXIST') await rename(draft, target);
  }
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { batch, total, params } = value as Partial<Record<keyof Manifest, unknown>>;
  return (
    typeof batch === 'string' &&
    typeof total === 'number' &&
    Number.isSafeInteger(total) &&
    Array.isArray(params) &&
    params.every((name) => typeof name === 'string')
  );
}
