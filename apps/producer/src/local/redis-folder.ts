import { createHash } from 'node:crypto';
import { constants, existsSync, fstatSync, ftruncateSync, lstatSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import { CommandError } from '../core/errors.ts';

/** Kernels limit the path of a unix socket to 104 or 108 bytes, with a terminating zero. */
const MAX_SOCKET_PATH_BYTES = 100;
const MAX_LOG_BYTES = 1_000_000;

/**
 * Flags for opening files in the folder: a link is refused, and a pipe keeps nobody waiting. Others
 * may have put them there before the folder was closed to them.
 */
export const UNFOLLOWED = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Paths of the private Redis of a project folder. */
export interface RedisFolder {
  /** Data and log; also the server's working folder. */
  readonly path: string;
  readonly socket: string;
  readonly lock: string;
  readonly log: string;
  /** For clients of the fleet. */
  readonly url: string;
}

export function redisFolderOf(projectFolder: string): RedisFolder {
  const path = resolve(projectFolder, '.fetchfleet', 'redis');
  const socket = socketIn(path);
  const url = `unix://${socket.split('/').map(encodeURIComponent).join('/')}`;
  // Version 0.1 called the supervisor "keeper". The lock keeps this name, so that supervisors of
  // both versions exclude each other.
  const lock = join(path, 'keeper.lock');
  return { path, socket, lock, log: join(path, 'redis.log'), url };
}

/** Whether a private Redis has ever been started in this folder. */
export function hasRedisFolder(projectFolder: string): boolean {
  return existsSync(redisFolderOf(projectFolder).path);
}

/**
 * Creates missing folders, readable for the owner only, and makes git ignore them.
 *
 * @throws CommandError (exit 3) if that is not possible, or if other users could have put anything
 *   there
 */
export async function prepareRedisFolder(folder: RedisFolder): Promise<void> {
  refuseForeign(folder); // also before: a link would be followed
  try {
    await mkdir(folder.path, { recursive: true, mode: 0o700 });
    await mkdir(dirname(folder.socket), { recursive: true, mode: 0o700 });
    const ignore = join(dirname(folder.path), '.gitignore');
    if (!existsSync(ignore)) {
      const flag = constants.O_WRONLY | constants.O_CREAT | UNFOLLOWED;
      await writeFile(ignore, '*\n', { flag, mode: 0o600 });
    }
  } catch (error) {
    throw unwritable(error);
  }
  refuseForeign(folder);
}

function socketIn(path: string): string {
  const inside = join(path, 'redis.sock');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_PATH_BYTES) {
    return inside;
  }
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return join(tmpdir(), `fetchfleet-${hash}`, 'redis.sock');
}

/**
 * Whoever can write to the folder of a Redis can be that Redis, and choose what is fetched, and
 * where secrets go.
 *
 * @throws CommandError (exit 3)
 */
function refuseForeign(folder: RedisFolder): void {
  const problem = foreignIn(folder);
  if (problem !== undefined) {
    throw unusable(problem);
  }
}

/** Why a private Redis must not be used, and how to mend that; undefined if it may be used. */
export function foreignIn({ path, socket }: RedisFolder): string | undefined {
  for (const folder of [dirname(path), path, dirname(socket)]) {
    const problem = foreignAt(folder);
    if (problem !== undefined) {
      return problem;
    }
  }
  return undefined;
}

function foreignAt(folder: string): string | undefined {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) {
    return undefined;
  }
  if (!stats.isDirectory()) {
    const kind = stats.isSymbolicLink() ? 'a symbolic link' : 'a file';
    return `${folder} is ${kind}, not a folder: remove it, or set REDIS_URL`;
  }
  if (stats.uid !== process.getuid?.()) {
    return (
      `${folder} belongs to another user (uid ${stats.uid}): run the command as that user, ` +
      'remove the folder, or set REDIS_URL'
    );
  }
  return (stats.mode & 0o022) === 0
    ? undefined
    : `other users can write to ${folder}: remove it, set REDIS_URL, or, if you trust what is in ` +
        `it, run chmod -R go-w ${folder}`;
}

/**
 * Opens the log for appending, and empties it if it is long.
 *
 * @returns a file descriptor
 * @throws CommandError (exit 3)
 */
export function openRedisLog({ log }: RedisFolder): number {
  const { O_WRONLY, O_APPEND, O_CREAT } = constants;
  try {
    const file = openSync(log, O_WRONLY | O_APPEND | O_CREAT | UNFOLLOWED, 0o600);
    if (fstatSync(file).size > MAX_LOG_BYTES) {
      ftruncateSync(file);
    }
    return file;
  } catch (error) {
    throw unwritable(error);
  }
}

function unwritable(error: unknown): CommandError {
  const { message } = toError(error);
  return unusable(`the folder of the private Redis cannot be written: ${message}`, error);
}

function unusable(message: string, cause?: unknown): CommandError {
  return new CommandError(message, { code: 'REDIS_FOLDER', cause });
}
