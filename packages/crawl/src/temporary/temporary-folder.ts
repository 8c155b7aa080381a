import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../model/input-error.ts';

const NAME = /^fetchfleet-[a-z]+-([0-9a-f]{8})-(\d{1,10})-/u;

/** Folders that this process has not removed yet. */
const folders = new Set<string>();

/**
 * A folder for as long as somebody needs what is in it. Only this user can read it.
 *
 * It is removed when it is disposed of and when the process exits. One that a killed process has
 * left is removed when the next folder is made on this machine.
 */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    if (folders.size === 0) {
      process.on('exit', removeAll);
    }
    folders.add(path);
  }

  /**
   * @param purpose part of its name: lower-case letters
   * @param parent where to make it. @default the folder of the system for temporary files
   */
  static async create(purpose: string, parent = tmpdir()): Promise<TemporaryFolder> {
    // A parent that cannot be listed may still take a folder.
    await removeAbandonedFolders(parent).catch(() => undefined);
    const prefix = `fetchfleet-${purpose}-${machine()}-${process.pid}-`;
    return new TemporaryFolder(await mkdtemp(join(parent, prefix)));
  }

  /** Twice is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
    folders.delete(this.path);
    if (folders.size === 0) {
      process.off('exit', removeAll);
    }
  }
}

function removeAll(): void {
  for (const path of folders) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // A child process may still write there. The next folder that is made has it removed.
    }
  }
}

/** Containers may share the folder for temporary files, and do not see each other's processes. */
function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

/** Removes the folders that killed processes have left on this machine. */
export async function removeAbandonedFolders(parent = tmpdir()): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, host, pid] = NAME.exec(name) ?? [];
    const path = join(parent, name);
    if (host === machine() && pid !== undefined && !isInUse(path, Number(pid))) {
      await removeOwn(path);
    }
  }
}

/** Everybody may put something into the folder for temporary files. */
async function removeOwn(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // another process was faster
  if (found?.isDirectory() === true && found.uid === process.getuid?.()) {
    await rm(path, { recursive: true, force: true }).catch(() => undefined); // tried again later
  }
}

/** A container that starts again has the same process ids as before. */
function isInUse(path: string, pid: number): boolean {
  if (pid === process.pid) {
    return folders.has(path);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
