import { constants, readFileSync } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { UNFOLLOWED } from './redis-folder.ts';

/** An empty lock file younger than this was just created, and its owner is about to write it. */
const EMPTY_IS_FRESH_MS = 5_000;

/**
 * A file that one living process owns. It is created exclusively and holds the pid and the start
 * time of its owner. The lock of a dead owner is stale and is taken over. The start time tells the
 * owner from a later process with the same pid.
 */
export class LockFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Takes the lock. Undefined if a living process has it. */
  static async acquire(path: string): Promise<LockFile | undefined> {
    if (await create(path)) {
      return new LockFile(path);
    }
    if (!(await isStale(path))) {
      return undefined;
    }
    return (await takeOver(path)) ? new LockFile(path) : undefined;
  }

  /** Releasing twice is fine. */
  async release(): Promise<void> {
    if ((await readOwner(this.#path))?.pid === process.pid) {
      await rm(this.#path, { force: true });
    }
  }
}

interface Owner {
  readonly pid: number;
  readonly born: string;
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(JSON.stringify({ pid: process.pid, born: startTimeOf(process.pid) }));
    await file.close();
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) {
      return false;
    }
    throw error;
  }
}

/**
 * Removing a stale lock and creating a new one are two steps. A second lock around them keeps two
 * processes that both found the lock stale from removing each other's new one.
 */
async function takeOver(path: string): Promise<boolean> {
  const guard = `${path}.takeover`;
  if (!(await create(guard))) {
    if (await isStale(guard)) {
      await rm(guard, { force: true });
    }
    return false;
  }
  try {
    if (!(await isStale(path))) {
      return false;
    }
    await rm(path, { force: true });
    return await create(path);
  } finally {
    await rm(guard, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  const owner = await readOwner(path);
  if (owner !== undefined) {
    return !isAlive(owner);
  }
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  return age > EMPTY_IS_FRESH_MS;
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const flag = constants.O_RDONLY | UNFOLLOWED;
    const owner: unknown = JSON.parse(await readFile(path, { encoding: 'utf8', flag }));
    if (typeof owner !== 'object' || owner === null) {
      return undefined;
    }
    const { pid, born } = owner as Partial<Owner>; // checked in the next line
    return typeof pid === 'number' && typeof born === 'string' ? { pid, born } : undefined;
  } catch {
    return undefined; // The file is gone, empty or not ours: the caller checks its age.
  }
}

function isAlive({ pid, born }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) {
      return false;
    }
  }
  const now = startTimeOf(pid);
  return now === '' || born === '' || now === born;
}

/** The boot id and start time of a process; '' if the system does not say. */
function startTimeOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${fields[19] ?? ''}`;
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return stdout?.trim() ?? '';
  }
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
