import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, statSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { LockFile } from './lock-file.ts';
import type { RedisFolder } from './redis-folder.ts';

/** The keeper's name in CLIENT LIST; the second one from the moment it shuts the server down. */
export const KEEPER_NAME = 'fetchfleet-keeper';
export const CLOSING_NAME = 'fetchfleet-keeper-closing';

const MAX_LOG_BYTES = 1_000_000;
const MAX_RESTARTS = 4;
const ANSWER_DEADLINE_MS = 2_000;
/** From its start to its socket a server takes a few milliseconds. */
const LOST_AFTER_MS = 5_000;

export interface KeeperOptions {
  readonly folder: RedisFolder;
  /** How long Redis runs on without any client. @default 3_000 */
  readonly idleMs?: number;
  /** @default 250 */
  readonly pollMs?: number;
}

/**
 * Owns the private Redis of one folder, in a process of its own, so that nothing which a person can kill
 * leaves the server behind or takes it from others who use it.
 *
 *     lock taken? ──no──▶ end: somebody else keeps it
 *         │ yes
 *         ▼            no client for idleMs                nobody came in between
 *      serving ───────────────────────────▶ closing ──────────────────────────────▶ SHUTDOWN, end
 *         ▲  └─ server died: start it again    │ somebody did
 *         └────────────────────────────────────┘
 *
 * A client that arrives reads CLIENT LIST after it has connected; the keeper changes its name before it looks for clients a last
 * time. So one of the two sees the other: nobody starts to work with a server that is about to end.
 */
export class RedisKeeper {
  readonly #folder: RedisFolder;
  readonly #idleMs: number;
  readonly #pollMs: number;
  #server: ChildProcess | undefined;
  #client: Redis | undefined;
  #starts = 0;
  #lostSince: number | undefined;

  constructor({ folder, idleMs = 3_000, pollMs = 250 }: KeeperOptions) {
    this.#folder = folder;
    this.#idleMs = idleMs;
    this.#pollMs = pollMs;
  }

  /** Resolves when the server has ended, or at once if it is kept by somebody else. */
  async run(): Promise<void> {
    const lock = await LockFile.acquire(this.#folder.lock);
    if (lock === undefined) return;
    try {
      await this.#serve();
    } finally {
      this.#client?.disconnect();
      await lock.release();
    }
  }

  async #serve(): Promise<void> {
    let idleSince: number | undefined;
    for (;;) {
      const others = await this.#countClients();
      if (others === undefined) {
        if (await this.#revive()) return;
      } else if (others > 0) {
        idleSince = undefined;
      } else {
        idleSince ??= performance.now();
        const isIdle = performance.now() - idleSince >= this.#idleMs;
        if (isIdle && (await this.#shutDown())) return;
      }
      await sleep(this.#pollMs);
    }
  }

  /** Clients but the keeper; undefined while Redis does not answer. */
  async #countClients(): Promise<number | undefined> {
    try {
      this.#client ??= await this.#connect();
      const list = String(await withDeadline(this.#client.client('LIST')));
      return list.split('\n').filter((line) => line !== '' && !isKeeper(line)).length;
    } catch {
      this.#client?.disconnect();
      this.#client = undefined;
      return undefined;
    }
  }

  async #connect(name = KEEPER_NAME): Promise<Redis> {
    const client = await connectOnce(this.#folder.socket);
    await withDeadline(client.client('SETNAME', name));
    return client;
  }

  /**
   * Redis does not answer. One that is loading or frozen still accepts connections, and then there is nothing to do but wait.
   *
   * @returns true if it is lost: it runs, and its socket is gone, most likely because somebody has removed the folder
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
    if (performance.now() - this.#lostSince < LOST_AFTER_MS) return false;
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
    if (this.#starts > MAX_RESTARTS) throw new Error('redis-server ends again and again');
    await sleep(this.#starts === 0 ? 0 : 100 * 2 ** this.#starts);
    this.#starts += 1;
    const log = openLog(this.#folder.log);
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

  /** @returns false if a client came in between */
  async #shutDown(): Promise<boolean> {
    const client = this.#client;
    if (client === undefined) return false;
    try {
      await withDeadline(client.client('SETNAME', CLOSING_NAME));
      const others = await this.#countClients();
      if (others !== 0) {
        await withDeadline(client.client('SETNAME', KEEPER_NAME));
        return false;
      }
      // It flushes the append-only file first. The connection ends without an answer.
      await client.shutdown().catch(() => undefined);
    } catch {
      return false; // The server is gone or stuck: the next look decides.
    }
    for (let wait = 0; wait < 100; wait++) {
      if (!this.#isServerRunning() && !(await this.#accepts())) return true;
      await sleep(50);
    }
    // It refuses to end, most likely because its disk is full. Nobody uses it.
    this.#server?.kill('SIGKILL');
    return true;
  }
}

/** One connection, without retries. */
export async function connectOnce(socket: string): Promise<Redis> {
  const client = new Redis({
    path: socket,
    lazyConnect: true,
    connectTimeout: ANSWER_DEADLINE_MS,
    // After a refused connection it waits so long for a socket that has closed already, and holds the process: 2 s by default.
    disconnectTimeout: 50,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    // A server that is still loading accepts connections; who calls decides how long to wait for it.
    enableReadyCheck: false,
  });
  client.on('error', () => undefined); // connect() and the commands reject with the same error
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

/** Rejects when Redis takes longer than {@link ANSWER_DEADLINE_MS}: a frozen server accepts and never answers. */
export async function withDeadline<T>(answer: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const late = sleep(ANSWER_DEADLINE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new Error('no answer in time');
  });
  late.catch(() => undefined); // aborted, or it has lost the race
  try {
    return await Promise.race([answer, late]);
  } finally {
    patience.abort();
  }
}

function isKeeper(line: string): boolean {
  return line.includes(` name=${KEEPER_NAME} `) || line.includes(` name=${CLOSING_NAME} `);
}

function serverArguments({ socket, path }: RedisFolder): string[] {
  const settings = {
    port: '0',
    // Relative to the working folder, which may be longer than a socket's path may be.
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

function openLog(path: string): number {
  const file = openSync(path, 'a', 0o600);
  if (statSync(path).size > MAX_LOG_BYTES) truncateSync(path);
  return file;
}
