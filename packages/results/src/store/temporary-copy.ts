import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '../folder/errors.ts';

/** A folder for a copy of results. Only this user can read it. */
export interface TemporaryCopy extends AsyncDisposable {
  readonly dir: string;
}

const NAME = /^fetchfleet-copy-([0-9a-f]{8})-(\d{1,10})-/u;

/** Copies that this process has not removed yet. */
const copies = new Set<string>();

/**
 * Creates a folder that is removed when it is disposed of, and when the process exits. A process
 * that is killed leaves its copies behind: the next one of this machine removes them.
 */
export async function makeTemporaryCopy(): Promise<TemporaryCopy> {
  await removeAbandoned();
  const dir = await mkdtemp(join(tmpdir(), `fetchfleet-copy-${machine()}-${process.pid}-`));
  if (copies.size === 0) {
    process.on('exit', removeAll);
  }
  copies.add(dir);
  return {
    dir,
    [Symbol.asyncDispose]: async () => {
      await rm(dir, { recursive: true, force: true });
      copies.delete(dir);
      if (copies.size === 0) {
        process.off('exit', removeAll);
      }
    },
  };
}

function removeAll(): void {
  for (const dir of copies) {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Containers may share the folder for temporary files, and do not see each other's processes. */
function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

async function removeAbandoned(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []); // creating the copy says why
  for (const name of names) {
    const [, host, pid] = NAME.exec(name) ?? [];
    const path = join(tmpdir(), name);
    if (host === machine() && pid !== undefined && !isInUse(path, Number(pid))) {
      await removeOwn(path);
    }
  }
}

/** Everybody may put something into the folder for temporary files. */
async function removeOwn(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // another process was faster
  if (found?.isDirectory() === true && found.uid === process.getuid?.()) {
    await rm(path, { recursive: true, force: true });
  }
}

/** A container that starts again has the same process ids as before. */
function isInUse(path: string, pid: number): boolean {
  if (pid === process.pid) {
    return copies.has(path);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}
