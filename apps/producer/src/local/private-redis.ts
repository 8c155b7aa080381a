import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { CommandError } from '../core/errors.ts';
import { prepareRedisFolder, type RedisFolder, redisFolderOf } from './redis-folder.ts';
import { CLOSING_NAME, connectOnce, KEEPER_NAME, withDeadline } from './redis-supervisor.ts';

/** A keeper that has not got Redis to answer by then has lost its race, or its server; another one may try. */
const KEEPER_PATIENCE_MS = 3_000;

export interface EmbeddedRedis {
  readonly url: string;
  /** Lets go of Redis. It ends a few seconds after its last client has gone. Twice is fine. */
  release(): void;
}

/**
 * The private Redis of a project folder: reused when it runs, started otherwise. It is in use, and so stays up, until `release()`
 * or the end of this process.
 *
 * @param options.env for PATH, where `redis-server` is looked for
 * @param options.timeoutMs how long to wait for an answer; reading a long append-only file is not counted. @default 10_000
 * @param options.idleMs how long it runs on without any client, if it is not running yet. @default 3_000
 * @throws CommandError (exit 3) when `redis-server` is missing or does not start
 */
export async function openEmbeddedRedis(options: {
  readonly projectFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  readonly idleMs?: number;
}): Promise<EmbeddedRedis> {
  const { timeoutMs = 10_000 } = options;
  const folder = redisFolderOf(options.projectFolder);
  await prepareRedisFolder(folder);
  let deadline = performance.now() + timeoutMs;
  let nextKeeperAt = 0;
  for (;;) {
    const arrival = await arrive(folder);
    if (arrival.kind === 'loading') deadline = performance.now() + timeoutMs;
    const needsKeeper = arrival.kind === 'absent' || (arrival.kind === 'here' && !arrival.isKept);
    if (needsKeeper && performance.now() >= nextKeeperAt) {
      requireServer(options.env);
      startKeeper(folder, options);
      nextKeeperAt = performance.now() + KEEPER_PATIENCE_MS;
    }
    if (arrival.kind === 'here') {
      return { url: folder.url, release: () => arrival.client.disconnect() };
    }
    if (performance.now() > deadline) throw notAnswering(folder);
    await sleep(25);
  }
}

type Arrival =
  | { readonly kind: 'here'; readonly client: Redis; readonly isKept: boolean }
  /** Nobody listens. */
  | { readonly kind: 'absent' }
  /** It reads its file. */
  | { readonly kind: 'loading' }
  /** It is about to end, or does not answer. */
  | { readonly kind: 'leaving' };

/** Connects first and looks at the keeper's name then: see `RedisKeeper` why in this order. */
async function arrive({ socket }: RedisFolder): Promise<Arrival> {
  const client = await connectOnce(socket).catch(() => undefined);
  if (client === undefined) return { kind: 'absent' };
  try {
    const list = String(await withDeadline(client.client('LIST')));
    await withDeadline(client.ping());
    if (list.includes(` name=${CLOSING_NAME} `)) {
      client.disconnect();
      return { kind: 'leaving' };
    }
    return { kind: 'here', client, isKept: list.includes(` name=${KEEPER_NAME} `) };
  } catch (error) {
    client.disconnect();
    const isLoading = error instanceof Error && error.message.startsWith('LOADING');
    return { kind: isLoading ? 'loading' : 'leaving' };
  }
}

function requireServer(env: Readonly<Record<string, string | undefined>>): void {
  const isThere = (env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (isThere) return;
  throw new CommandError(
    'redis-server is not installed: install it (apt-get install redis-server, brew install redis), or set REDIS_URL',
    { code: 'REDIS_SERVER_MISSING' },
  );
}

/** Its own session: neither Ctrl-C nor the end of this process reaches it. */
function startKeeper(
  folder: RedisFolder,
  { projectFolder, env, idleMs = 3_000 }: Parameters<typeof openEmbeddedRedis>[0],
): void {
  const isBuilt = import.meta.url.endsWith('.js');
  const program = fileURLToPath(
    new URL(isBuilt ? './redis-supervisor.js' : '../redis-supervisor.ts', import.meta.url),
  );
  const log = openSync(folder.log, 'a', 0o600);
  const keeper = spawn(
    process.execPath,
    [...conditions(), program, projectFolder, String(idleMs)],
    {
      cwd: folder.path,
      // Secrets of a crawl are not the keeper's business.
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
  keeper.on('error', () => undefined); // Nothing will answer, and the log says why.
  keeper.unref();
}

/** The folder in which each version of Node has one of its own. */
function compileCache(): string | undefined {
  const own = getCompileCacheDir();
  return own === undefined ? undefined : dirname(own);
}

/** What this process needs to find its sources, and nothing that belongs to it alone, like a debugger's port. */
function conditions(): string[] {
  return process.execArgv.filter((flag) => flag.startsWith('--conditions='));
}

function notAnswering({ log, socket }: RedisFolder): CommandError {
  let lastLine = '';
  try {
    lastLine = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  } catch {
    // Then there is nothing to quote.
  }
  return new CommandError(
    `the private Redis at ${socket} does not answer; its log ${log} ends with: ${lastLine}`,
    { code: 'REDIS_UNREACHABLE' },
  );
}
