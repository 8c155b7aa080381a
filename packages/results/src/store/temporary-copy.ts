import { rmSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import { ResultsUnreadableError, systemErrorCode } from '../folder/errors.ts';
import { batchFolder } from '../folder/layout.ts';

/** Containers may share a folder for temporary files, and have processes of the same number. */
const PREFIX = `fetchfleet-copy-${hostname().replaceAll(/[^\w.-]/gu, '_')}-`;

/**
 * A results folder with a copy of one batch, as long as somebody reads it.
 *
 * It is removed when it is disposed of and when the process ends, also by a signal that is handled.
 * One that a killed process has left is removed when the next copy is made.
 */
export class TemporaryCopy implements AsyncDisposable {
  /** The results folder. */
  readonly dir: string;
  /** The folder of the batch in it. */
  readonly folder: string;
  readonly #remove = (): void => rmSync(this.dir, { recursive: true, force: true });

  private constructor(dir: string, batch: string) {
    this.dir = dir;
    this.folder = batchFolder(dir, batch);
    process.once('exit', this.#remove);
  }

  /**
   * @param parent the folder for it
   * @throws ResultsUnreadableError if there is no room for it
   */
  static async create(batch: string, parent = tmpdir()): Promise<TemporaryCopy> {
    try {
      await removeAbandoned(parent);
      const copy = new TemporaryCopy(
        await mkdtemp(join(parent, `${PREFIX}${process.pid}-`)),
        batch,
      );
      await mkdir(copy.folder);
      return copy;
    } catch (error) {
      throw copyError(parent, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#remove);
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A copy cannot be written. Errors that are not from the system pass unchanged. */
export function copyError(path: string, cause: unknown): Error {
  const code = systemErrorCode(cause);
  if (code === undefined) {
    return toError(cause);
  }
  const reason =
    code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : toError(cause).message;
  return new ResultsUnreadableError(
    `the records have to be copied to be read, and ${path} cannot be written: ${reason}; ` +
      'TMPDIR names another folder for the copy',
    { cause },
  );
}

/** Removes the copies of processes of this machine that have ended, as far as they are our own. */
async function removeAbandoned(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(PREFIX));
  const uid = process.getuid?.();
  for (const name of names) {
    const pid = Number(name.slice(PREFIX.length).split('-')[0]);
    const path = join(parent, name);
    const stats = await lstat(path).catch(() => undefined); // its owner may have removed it
    if (stats?.uid === (uid ?? stats?.uid) && !isRunning(pid)) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined); // tried again later
    }
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) {
    return true; // no name of ours
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}
