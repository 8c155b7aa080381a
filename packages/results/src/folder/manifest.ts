import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolderIn, placeOnce, syncFolder, writeSynced } from './durable-folder.ts';
import { readError, systemErrorCode } from './errors.ts';
import { batchFolder, manifestPath } from './layout.ts';

/** What an export needs to know of a batch besides its records. Exports work without Redis. */
export interface Manifest {
  readonly batch: string;
  readonly name: string;
  /** Fetches of the batch; 0 while the number is unknown. */
  readonly total: number;
  /** Parameter names in the order of the crawl file. */
  readonly params: readonly string[];
  /** The URL template. */
  readonly url: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/**
 * The manifest of a batch; undefined if the file is missing or is not a manifest.
 *
 * @throws ResultsUnreadableError
 */
export async function readManifest(dir: string, batch: string): Promise<Manifest | undefined> {
  try {
    return await loadManifest(dir, batch);
  } catch (error) {
    throw readError(manifestPath(batchFolder(dir, batch)), error);
  }
}

/** The manifest in the first of these results folders that has one. */
export async function firstManifest(
  folders: readonly { readonly dir: string }[],
  batch: string,
): Promise<Manifest | undefined> {
  for (const { dir } of folders) {
    const manifest = await readManifest(dir, batch);
    if (manifest !== undefined) {
      return manifest;
    }
  }
  return undefined;
}

/** Throws the errors of the file system, which the sink explains in its own words. */
async function loadManifest(dir: string, batch: string): Promise<Manifest | undefined> {
  try {
    const text = await readFile(manifestPath(batchFolder(dir, batch)), 'utf8');
    const value: unknown = JSON.parse(text);
    return isManifest(value) && value.batch === batch ? value : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Creates the folder of a batch and its manifest. Many workers do this at once. A manifest with a
 * total replaces the file; one without a total is only created, so a known total is never lost. The
 * results folder must exist.
 */
export async function ensureManifest(dir: string, manifest: Manifest): Promise<void> {
  const folder = batchFolder(dir, manifest.batch);
  const present = await loadManifest(dir, manifest.batch);
  if (present !== undefined && (present.total > 0 || manifest.total === 0)) {
    return;
  }
  await makeFolderIn(folder);
  const target = manifestPath(folder);
  const draft = `${target}.${randomUUID()}.tmp`;
  try {
    await writeSynced(draft, `${JSON.stringify(manifest, undefined, 2)}\n`);
    // A manifest that exists is at least as complete as one without a total.
    await (manifest.total > 0 ? rename(draft, target) : placeOnce(draft, target));
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(target));
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const { batch, total, params } = value as Partial<Record<keyof Manifest, unknown>>;
  return (
    typeof batch === 'string' &&
    typeof total === 'number' &&
    Number.isSafeInteger(total) &&
    Array.isArray(params) &&
    params.every((name) => typeof name === 'string')
  );
}
