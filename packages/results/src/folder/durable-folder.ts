import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from './errors.ts';

/**
 * Creates a folder and its ancestors durably: all of them survive a power cut. Does not use the
 * option `recursive`, which never returns in places that accept no folders (`/proc`).
 */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await makeFolderIn(folder);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(folder) === folder) {
      throw error;
    }
    await makeFolder(dirname(folder));
    await makeFolderIn(folder);
  }
}

/** Creates a folder durably, in a folder that exists. */
export async function makeFolderIn(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' && (await isFolder(folder))) {
      return;
    }
    throw error;
  }
  await syncFolder(dirname(folder));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // The caller reports why the folder cannot be created, which says more.
    return false;
  }
}

/** Makes the names in a folder durable: a synced file is lost if its name is not synced too. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems do not support this and make names durable without it.
    if (systemErrorCode(error) !== 'EINVAL') {
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file durably, whole or not at all. Nothing is written through what is at the path now:
 * a file, a link or a pipe there is replaced, or kept.
 *
 * @param options.replaces whether what is there is replaced
 */
export async function placeFile(
  path: string,
  text: string,
  { replaces }: { readonly replaces: boolean },
): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    await create(draft, text);
    await (replaces ? rename(draft, path) : placeOnce(draft, path, text));
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(path));
}

/** Gives a draft its name, unless something has it already. */
async function placeOnce(draft: string, path: string, text: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') {
      return;
    }
    // Not every file system has hard links.
    await create(path, text).catch((reason: unknown) => {
      if (systemErrorCode(reason) !== 'EEXIST') {
        throw reason;
      }
    });
  }
}

async function create(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
