import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { CommandError } from '../core/errors.ts';
import { REDIS_TIMEOUT_MS } from '../core/timeouts.ts';
import {
  openRedisLog,
  prepareRedisFolder,
  type RedisFolder,
  redisFolderOf,
  UNFOLLOWED,
} from './redis-folder.ts';
import {
  CLOSING_CLIENT_NAME,
  connectOnce,
  SUPERVISOR_CLIENT_NAME,
  withAnswer,
} from './redis-supervisor.ts';

/** If Redis does not answer by then, the supervisor that was started has failed: start another. */
const SUPERVISOR_TIMEOUT_MS = 3_000;
const POLL_MS = 10;

export interface PrivateRedis {
  readonly url: string;
  /** Closes the connection that keeps Redis up. Twice is fine. */
  release(): void;
}

export interface PrivateRedisOptions {
  readonly projectFolder: string;
  /** For PATH, where `redis-server` is looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long to wait for an answer, without the time Redis loads its data. @default 10_000 */
  readonly timeoutMs?: number;
  /** How long Redis stays up without a client, if this call starts it. @default 3_000 */
  readonly idleMs?: number;
}

/**
 * Connects to the private Redis of a project folder, and starts it if it does not run. Redis stays
 * up until `release()` or the end of this process. It ends a few seconds after its last client.
 *
 * @throws CommandError (exit 3) if `redis-server` is missing or does not start
 */
export async function openPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const { timeoutMs = REDIS_TIMEOUT_MS } = options;
  const folder = redisFolderOf(options.projectFolder);
  await prepareRedisFolder(folder);
  let deadline = performance.now() + timeoutMs;
  let nextStartAt = 0;
  for (;;) {
    const attempt = await tryConnect(folder);
    if (attempt.state === 'loading') {
      deadline = performance.now() + timeoutMs;
    }
    const needsSupervisor =
      attempt.state === 'absent' || (attempt.state === 'connected' && !attempt.isSupervised);
    if (needsSupervisor && performance.now() >= nextStartAt) {
      requireServer(options.env);
      startSupervisor(folder, options);
      nextStartAt = performance.now() + SUPERVISOR_TIMEOUT_MS;
    }
    if (attempt.state === 'connected') {
      return { url: folder.url, release: () => attempt.client.disconnect() };
    }
    if (performance.now() > deadline) {
      throw notAnswering(folder);
    }
    await sleep(POLL_MS);
  }
}

type Attempt =
  | { readonly state: 'connected'; readonly client: Redis; readonly isSupervised: boolean }
  /** No server listens. */
  | { readonly state: 'absent' }
  /** The server reads its append-only file. */
  | { readonly state: 'loading' }
  /** The server is about to end, or does not answer. */
  | { readonly state: 'closing' };

/** Connects first and reads the supervisor's name then: `RedisSupervisor` explains this order. */
async function tryConnect({ socket }: RedisFolder): Promise<Attempt> {
  if (!existsSync(socket)) {
    return { state: 'absent' };
  }
  const client = await connectOnce(socket).catch(() => undefined);
  if (client === undefined) {
    return { state: 'absent' };
  }
  try {
    // First: by then Redis has seen the end of a supervisor that was killed before.
    await withAnswer(client.ping());
    const list = String(await withAnswer(client.client('LIST')));
    if (list.includes(` name=${CLOSING_CLIENT_NAME} `)) {
      client.disconnect();
      return { state: 'closing' };
    }
    const isSupervised = list.includes(` name=${SUPERVISOR_CLIENT_NAME} `);
    return { state: 'connected', client, isSupervised };
  } catch (error) {
    client.disconnect();
    const isLoading = error instanceof Error && error.message.startsWith('LOADING');
    return { state: isLoading ? 'loading' : 'closing' };
  }
}

/** @throws CommandError (exit 3) if there is no `redis-server` in PATH */
export function requireServer(env: Readonly<Record<string, string | undefined>>): void {
  const isInstalled = (env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (isInstalled) {
    return;
  }
  throw new CommandError(
    'redis-server is not installed: install it (apt-get install redis-server, ' +
      'brew install redis), or set REDIS_URL',
    { code: 'REDIS_SERVER_MISSING' },
  );
}

/** In a session of its own: neither Ctrl-C nor the end of this process reaches it. */
function startSupervisor(
  folder: RedisFolder,
  { projectFolder, env, idleMs }: PrivateRedisOptions,
): void {
  const isBuilt = import.meta.url.endsWith('.js');
  const program = fileURLToPath(
    new URL(isBuilt ? './redis-supervisor.js' : '../redis-supervisor.ts', import.meta.url),
  );
  const log = openRedisLog(folder);
  const supervisor = spawn(
    process.execPath,
    [...conditions(), program, projectFolder, String(idleMs ?? '')],
    {
      cwd: folder.path,
      // Without the secrets of a crawl.
      env: {
        PATH: env['PATH'],
        HOME: env['HOME'],
        TMPDIR: env['TMPDIR'],
        NODE_COMPILE_CACHE: compileCache(),
      },
      stdio: ['ignore', log, log],
      detached: true,
    },
  );
  closeSync(log);
  supervisor.on('error', () => undefined); // Redis does not answer then, and the log says why.
  supervisor.unref();
}

/** Node adds a folder for its own version to this one. */
function compileCache(): string | undefined {
  const own = getCompileCacheDir();
  return own === undefined ? undefined : dirname(own);
}

/** The flags this process needs to find its sources; not its debugger's port, for example. */
function conditions(): string[] {
  return process.execArgv.filter((flag) => flag.startsWith('--conditions='));
}

function notAnswering({ log, socket }: RedisFolder): CommandError {
  let lastLine = '';
  try {
    const text = readFileSync(log, { encoding: 'utf8', flag: constants.O_RDONLY | UNFOLLOWED });
    lastLine = text.trimEnd().split('\n').at(-1) ?? '';
  } catch {
    // There is no log to quote.
  }
  return new CommandError(
    `the private Redis at ${socket} does not answer; its log ${log} ends with: ${lastLine}`,
    { code: 'REDIS_UNREACHABLE' },
  );
}
