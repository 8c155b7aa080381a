import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { holds } from './target.ts';

/**
 * A folder with files that nothing may change, and that hostile input names. Everything around the
 * files of a target is compared with what it was.
 */
export class Sentinel {
  readonly folder: string;
  /** A file to read or to overwrite. */
  readonly secretFile: string;
  #before = '';

  /** @param folder is created */
  constructor(folder: string) {
    this.folder = folder;
    this.secretFile = join(folder, 'secret.txt');
  }

  async create(): Promise<void> {
    await mkdir(join(this.folder, 'results'), { recursive: true });
    await writeFile(this.secretFile, 'nobody may read this\n');
    await writeFile(join(this.folder, 'results', 'part-w1-1.ndjson'), '{"batch":"x"}\n');
    this.#before = await fingerprintOf(this.folder);
  }

  async check(): Promise<void> {
    const now = await fingerprintOf(this.folder);
    holds(now === this.#before, 'no file outside is touched', now);
  }
}

/** Names and contents of all that is in a folder. */
async function fingerprintOf(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).toSorted();
  const parts = await Promise.all(
    names.map(async (name) => `${name} ${await contentOf(join(folder, name))}`),
  );
  return parts.join('\n');
}

async function contentOf(path: string): Promise<string> {
  const stats = await lstat(path);
  if (stats.isFile()) {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return stats.isSymbolicLink() ? readlink(path) : 'folder';
}
