import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { withTimeout } from '../core/timeouts.ts';
import { LockFile } from './lock-file.ts';
import { openRedisLog, type RedisFolder } from './redis-folder.ts';

/**
 * Names of the supervisor's connection in CLIENT LIST; the second one from the moment it shuts the
 * server down. Version 0.1 called the supervisor "keeper". The names stay, so that commands and
 * supervisors of both versions recognise each other in one folder.
 */
export const SUPERVISOR_CLIENT_NAME = 'fetchfleet-keeper';
export const CLOSING_CLIENT_NAME = 'fetchfleet-keeper-closing';

const MAX_RESTARTS = 4;
const ANSWER_TIMEOUT_MS = 2_000;
/** A server needs a few milliseconds from its start to its socket. */
const SOCKET_LOST_AFTER_MS = 5_000;
/** Clients that have lost their server try again every 2 s, or later on a busy machine. */
const RETURN_MS = 10_000;

export interface RedisSupervisorOptions {
  readonly folder: RedisFolder;
  /** How long Redis stays up without a client. @default 3_000 */
  readonly idleMs?: number;
  /** @default 250 */
  readonly pollMs?: number;
}

/**
 * Owns the private Redis of one folder. It is a process of its own: a command that is killed
 * neither leaves the server behind nor takes it from other commands.
 *
 *     lock taken? ──no──▶ end: another supervisor owns the server
 *         │ yes
 *         ▼            no client for idleMs                no client connected meanwhile
 *      serving ───────────────────────────▶ closing ──────────────────────────────▶ SHUTDOWN, end
 *         ▲  └─ server died: start it again    │ a client connected
 *         └────────────────────────────────────┘
 *
 * A server that has died may have had clients, and they come back. Until the first of them is
 * there, the supervisor waits for 10 s, not only for `idleMs`: nobody would start the server again
 * for a client that comes later.
 *
 * A command connects first and reads CLIENT LIST then. The supervisor renames its connection first
 * and counts clients then. So at least one of the two sees the other, and no command starts to work
 * with a server that is about to end.
 */
export class RedisSupervisor {
  readonly #folder: RedisFolder;
  readonly #idleMs: number;
  readonly #pollMs: number;
  #server: ChildProcess | undefined;
  #client: Redis | undefined;
  #starts = 0;
  #lostSince: number | undefined;

  constructor({ folder, idleMs = 3_000, pollMs = 250 }: RedisSupervisorOptions) {
    this.#folder = folder;
    this.#idleMs = idleMs;
    this.#pollMs = pollMs;
  }

  /** Resolves when the server has ended, or at once if another supervisor owns it. */
  async run(): Promise<void> {
    const lock = await LockFile.acquire(this.#folder.lock);
    if (lock === undefined) {
      return;
    }
    try {
      await this.#serve();
    } finally {
      this.#client?.disconnect();
      await lock.release();
    }
  }

  async #serve(): Promise<void> {
    let idleSince: number | undefined;
    let idleMs = this.#idleMs;
    // A command waits for the server: it starts before the client of Redis is loaded.
    if (!existsSync(this.#folder.socket)) {
      await this.#startServer();
    }
    for (;;) {
      const others = await this.#countClients();
      if (others === undefined) {
        if (await this.#revive()) {
          return;
        }
        idleSince = undefined;
        idleMs = Math.max(this.#idleMs, RETURN_MS);
      } else if (others > 0) {
        idleSince = undefined;
        idleMs = this.#idleMs;
      } else {
        idleSince ??= performance.now();
        const isIdle = performance.now() - idleSince >= idleMs;
        if (isIdle && (await this.#shutDown())) {
          return;
        }
      }
      await sleep(this.#pollMs);
    }
  }

  /** Clients other than the supervisor. Undefined while Redis does not answer. */
  async #countClients(): Promise<number | undefined> {
    try {
      this.#client ??= await this.#connect();
      const list = String(await withAnswer(this.#client.client('LIST')));
      return list.split('\n').filter((line) => line !== '' && !isSupervisor(line)).length;
    } catch {
      this.#client?.disconnect();
      this.#client = undefined;
      return undefined;
    }
  }

  async #connect(name = SUPERVISOR_CLIENT_NAME): Promise<Redis> {
    const client = await connectOnce(this.#folder.socket);
    await withAnswer(client.client('SETNAME', name));
    return client;
  }

  /**
   * Restarts a server that does not answer if it has died. A server that is loading or frozen
   * still accepts connections; then the only thing to do is to wait.
   *
   * @returns true if the server runs without its socket, most likely because the folder was removed
   */
  async #revive(): Promise<boolean> {
    if (await this.#accepts()) {
      this.#lostSince = undefined;
      return false;
    }
    if (!this.#isServerRunning()) {
      await this.#startServer();
      return false;
    }
    this.#lostSince ??= performance.now();
    if (performance.now() - this.#lostSince < SOCKET_LOST_AFTER_MS) {
      return false;
    }
    this.#server?.kill('SIGKILL');
    return true;
  }

  async #accepts(): Promise<boolean> {
    const client = await connectOnce(this.#folder.socket).catch(() => undefined);
    client?.disconnect();
    return client !== undefined;
  }

  #isServerRunning(): boolean {
    return (
      this.#server !== undefined &&
      this.#server.exitCode === null &&
      this.#server.signalCode === null
    );
  }

  async #startServer(): Promise<void> {
    if (this.#starts > MAX_RESTARTS) {
      throw new Error(`redis-server ended ${MAX_RESTARTS + 1} times`);
    }
    await sleep(this.#starts === 0 ? 0 : 100 * 2 ** this.#starts);
    this.#starts += 1;
    const log = openRedisLog(this.#folder);
    const server = spawn('redis-server', serverArguments(this.#folder), {
      cwd: this.#folder.path,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    await new Promise<void>((resolve, reject) => {
      server.once('spawn', resolve);
      server.once('error', reject);
    });
    this.#server = server;
  }

  /** @returns false if a client connected meanwhile */
  async #shutDown(): Promise<boolean> {
    const client = this.#client;
    if (client === undefined) {
      return false;
    }
    try {
      await withAnswer(client.client('SETNAME', CLOSING_CLIENT_NAME));
      const others = await this.#countClients();
      if (others !== 0) {
        await withAnswer(client.client('SETNAME', SUPERVISOR_CLIENT_NAME));
        return false;
      }
      // Redis writes its append-only file, and closes the connection without an answer.
      await client.shutdown().catch(() => undefined);
    } catch {
      return false; // The server is gone or stuck: the next poll finds out.
    }
    for (let wait = 0; wait < 100; wait++) {
      if (!this.#isServerRunning() && !(await this.#accepts())) {
        return true;
      }
      await sleep(50);
    }
    // It refuses to end, most likely because the disk is full. It has no clients.
    this.#server?.kill('SIGKILL');
    return true;
  }
}

/** One connection, without retries. */
export async function connectOnce(socket: string): Promise<Redis> {
  const { Redis } = await import('ioredis');
  const client = new Redis({
    path: socket,
    lazyConnect: true,
    connectTimeout: ANSWER_TIMEOUT_MS,
    // ioredis waits this long for a refused socket to close, and keeps the process up. Its default
    // is 2 s.
    disconnectTimeout: 50,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    // A server that is loading accepts connections. The caller decides how long to wait for it.
    enableReadyCheck: false,
  });
  client.on('error', () => undefined); // connect() and commands reject with the same error
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

/** Rejects after 2 s: a frozen server accepts connections and never answers. */
export async function withAnswer<T>(answer: Promise<T>): Promise<T> {
  return withTimeout(answer, { timeoutMs: ANSWER_TIMEOUT_MS });
}

function isSupervisor(line: string): boolean {
  return [SUPERVISOR_CLIENT_NAME, CLOSING_CLIENT_NAME].some((name) =>
    line.includes(` name=${name} `),
  );
}

function serverArguments({ socket, path }: RedisFolder): string[] {
  const settings = {
    port: '0',
    // Relative to the working folder: the absolute path may be too long for a socket.
    unixsocket: socket.startsWith(`${path}/`) ? 'redis.sock' : socket,
    unixsocketperm: '700',
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
