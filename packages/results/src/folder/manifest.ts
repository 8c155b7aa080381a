import { isBatchId } from '@fetchfleet/crawl';
import { makeFolderIn, placeFile } from './durable-folder.ts';
import { readError, systemErrorCode, UnfitFileError } from './errors.ts';
import { batchFolder, manifestPath } from './layout.ts';
import { readSmall, refuseLink } from './regular-file.ts';

/** Far more than name, URL and parameter names of a crawl take. */
export const MAX_MANIFEST_BYTES = 1024 * 1024;

/** What an export needs to know of a batch besides its records. Exports work without Redis. */
export interface Manifest {
  readonly batch: string;
  readonly name: string;
  /** Fetches of the batch; 0 while the number is unknown. */
  readonly total: number;
  /** Parameter names in the order of the crawl file. */
  readonly params: readonly string[];
  /** Parameters whose values are whole numbers; absent if none are known to be. */
  readonly integers?: readonly string[];
  /** Kept headers, as the crawl file names them; absent if none are kept. */
  readonly headers?: readonly string[] | 'all';
  /** The URL template. */
  readonly url: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Absent where everything is fetched whole. */
  readonly revalidate?: RevalidatedManifest;
}

/** Of a batch that fetches what has changed. */
interface RevalidatedManifest {
  /** Hash of what the crawl file says of answers. */
  readonly rules: string;
  /** The batch that it was compared with; absent if there was none. */
  readonly comparedWith?: string;
  /** Batches that have bodies of its records. */
  readonly refersTo: readonly string[];
}

/**
 * The manifest of a batch; undefined if the file is missing or is not a manifest.
 *
 * @throws ResultsUnreadableError, also if it is no regular file or has more than 1 MiB
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
  dirs: readonly string[],
  batch: string,
): Promise<Manifest | undefined> {
  for (const dir of dirs) {
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
    const text = await readSmall(manifestPath(batchFolder(dir, batch)), MAX_MANIFEST_BYTES);
    return parseManifest(text, batch);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** The manifest of a batch; undefined if the text is none. */
export function parseManifest(text: string, batch: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isManifest(value) && value.batch === batch ? value : undefined;
  } catch {
    return undefined; // no JSON
  }
}

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/**
 * Creates the folder of a batch and its manifest. Many workers do this at once. A manifest with a
 * total replaces the file; one without a total is only created, so a known total is never lost. The
 * results folder must exist.
 */
export async function ensureManifest(dir: string, manifest: Manifest): Promise<void> {
  const folder = batchFolder(dir, manifest.batch);
  await makeFolderIn(folder);
  await refuseLink(folder);
  const present = await loadManifest(dir, manifest.batch).catch((error: unknown) => {
    // A link or a pipe, for example, is replaced like a file that is no manifest.
    if (error instanceof UnfitFileError) {
      return undefined;
    }
    throw error;
  });
  if (present !== undefined && (present.total > 0 || manifest.total === 0)) {
    return;
  }
  // A manifest that exists is at least as complete as one without a total.
  await placeFile(manifestPath(folder), formatManifest(manifest), {
    replaces: manifest.total > 0,
  });
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const { batch, total, params, integers, headers, revalidate } = value as Partial<
    Record<keyof Manifest, unknown>
  >;
  return (
    typeof batch === 'string' &&
    typeof total === 'number' &&
    Number.isSafeInteger(total) &&
    isTexts(params) &&
    (integers === undefined || isTexts(integers)) &&
    (headers === undefined || headers === 'all' || isTexts(headers)) &&
    (revalidate === undefined || isRevalidated(revalidate))
  );
}

function isRevalidated(value: unknown): value is RevalidatedManifest {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const { rules, comparedWith, refersTo } = value as Partial<
    Record<keyof RevalidatedManifest, unknown>
  >;
  const isCompared = comparedWith === undefined || isId(comparedWith);
  return typeof rules === 'string' && isCompared && Array.isArray(refersTo) && refersTo.every(isId);
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && isBatchId(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
