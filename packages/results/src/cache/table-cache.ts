import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { VERSION } from '@fetchfleet/crawl';
import { systemErrorCode } from '../folder/errors.ts';
import { batchFolder, findAllParts, isCacheName } from '../folder/layout.ts';
import { firstManifest } from '../folder/manifest.ts';

/** The key, in the metadata of a table, of how many fetches had no record when it was made. */
export const MISSING_KEY = 'fetchfleet.missing';

/** A table of the records of a batch, beside its parts. */
export interface TableCache {
  /** The file to read; it exists only if the cache is fresh. */
  readonly path: string;
  readonly isFresh: boolean;
  /** A sentence for each part that is no regular file. */
  readonly skippedParts: readonly string[];
}

/**
 * Finds the table of a batch. Its name says what it was made of, so a table of parts that have
 * changed since is never read.
 *
 * @throws ResultsNotFoundError, ResultsUnreadableError, InvalidIdError
 */
export async function findCache(dirs: readonly string[], batch: string): Promise<TableCache> {
  const found = await findAllParts(dirs, batch);
  const manifest = await firstManifest(found.dirs, batch);
  const hash = createHash('sha256').update(JSON.stringify([VERSION, manifest]));
  for (const { path } of [...found.parts.files, ...found.parts.compressed]) {
    // A file that was edited in place has another time; one that was replaced, another number.
    const { ino, size, mtimeNs, ctimeNs } = await lstat(path, { bigint: true });
    hash.update([path, ino, size, mtimeNs, ctimeNs].join('\n'));
  }
  const folder = batchFolder(found.dirs[0] ?? '', batch);
  const path = join(folder, `records-${hash.digest('hex').slice(0, 16)}.parquet`);
  return { path, isFresh: await isOwnFile(path), skippedParts: found.parts.skipped };
}

/** Whoever may write to the folder could have made the file; only our own is taken. */
async function isOwnFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  return stats?.isFile() === true && stats.uid === (process.getuid?.() ?? stats.uid);
}

/**
 * Writes a file completely or not at all, and removes the tables of earlier parts beside it. What
 * is at the name is replaced, and never written through: the name is easy to guess.
 */
export async function writeCache(
  path: string,
  write: (out: Writable) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await fill(file, write);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = join(path, '..');
  const names = await readdir(folder);
  const old = names.filter((name) => isCacheName(name) && join(folder, name) !== path);
  await Promise.all(old.map(async (name) => rm(join(folder, name), { force: true })));
}

async function fill(file: FileHandle, write: (out: Writable) => Promise<void>): Promise<void> {
  const out = file.createWriteStream();
  try {
    await write(out);
    out.end();
    await finished(out);
  } catch (error) {
    await file.close().catch(() => undefined); // it may be closed already
    throw error;
  }
}
