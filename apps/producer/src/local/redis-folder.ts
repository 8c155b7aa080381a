import { createHash } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CommandError } from '../core/errors.ts';

/** Kernels limit the path of a unix socket to 104 or 108 bytes, with a terminating zero. */
const MAX_SOCKET_PATH_BYTES = 100;

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
 * @throws CommandError (exit 3) if that is not possible
 */
export async function prepareRedisFolder(folder: RedisFolder): Promise<void> {
  try {
    await mkdir(folder.path, { recursive: true, mode: 0o700 });
    const ignore = join(folder.path, '..', '.gitignore');
    if (!existsSync(ignore)) {
      await writeFile(ignore, '*\n');
    }
    await prepareSocketFolder(folder);
  } catch (error) {
    if (error instanceof CommandError) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw unusable(`the folder of the private Redis cannot be written: ${reason}`, error);
  }
}

function socketIn(path: string): string {
  const inside = join(path, 'redis.sock');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_PATH_BYTES) {
    return inside;
  }
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return join(tmpdir(), `fetchfleet-${hash}`, 'redis.sock');
}

/** In a shared temporary folder, another user may have created our folder first. */
async function prepareSocketFolder({ socket, path }: RedisFolder): Promise<void> {
  const folder = join(socket, '..');
  if (folder === path) {
    return;
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stats = lstatSync(folder);
  const isOurs = stats.isDirectory() && stats.uid === process.getuid?.();
  if (!isOurs || (stats.mode & 0o077) !== 0) {
    throw unusable(`${folder} belongs to another user; set TMPDIR to a folder of your own`);
  }
}

function unusable(message: string, cause?: unknown): CommandError {
  return new CommandError(message, { code: 'REDIS_FOLDER', cause });
}
