import { setTimeout as sleep } from 'node:timers/promises';
import { existsSync } from 'node:fs';
import { launchOnFreePort } from '../resources/free-port.ts';
import { track } from '../resources/registry.ts';
import { launchRedisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts';
import { temporaryFolder } from '../resources/temporary-folder.ts';

export interface StartRedisOptions {
  /** Whether it keeps an append-only file, so that data survive `kill()`. @default false */
  readonly appendonly?: boolean;
  /** When the append-only file is synced. @default 'everysec' */
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  /** Data folder. @default a temporary one, which `dispose()` deletes */
  readonly dir?: string;
  /** @default a free one */
  readonly port?: number;
  /** Further settings of redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A private `redis-server` for tests of faults. */
export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** Id of the running process; `restart()` changes it. */
  readonly pid: number;
  readonly isRunning: boolean;
  /** Whether it runs and is not frozen. */
  readonly isAnswering: boolean;
  /** Sends SIGKILL: data that was not synced is lost. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** Sends SIGTERM: Redis flushes its files first. */
  stopCleanly(): Promise<void>;
  /** Stops it cleanly if it runs, and starts it again with the same folder and port. */
  restart(): Promise<void>;
  /** Sends SIGSTOP: connections stay open and nothing answers, as in a partitioned network. */
  freeze(): void;
  thaw(): void;
  /** Freezes it for so long: an outage whose length is part of the test. */
  freezeFor(ms: number): Promise<void>;
  /** Kills it and removes its temporary folder. May be called twice. */
  dispose(): Promise<void>;
}

/** URL of the Redis of this test run. Every test uses its own key prefix there. */
export function redisUrl(): string {
  const url = process.env['REDIS_URL'];
  if (url === undefined || url === '') {
    throw new Error(
      'REDIS_URL is not set: add globalSetup "@fetchfleet/testing/global-setup" to the jest ' +
        'settings of the package',
    );
  }
  return url;
}

/** Starts a private `redis-server` for tests of faults. */
export async function startRedis(options: StartRedisOptions = {}): Promise<PrivateRedis> {
  const folder = options.dir === undefined ? await temporaryFolder('redis') : undefined;
  const settings = {
    dir: options.dir ?? folder?.path ?? '.',
    appendonly: options.appendonly ?? false,
    appendfsync: options.appendfsync ?? ('everysec' as const),
    settings: options.settings ?? {},
  };
  try {
    return await launchOnFreePort(async (port) => {
      const own = { ...settings, port };
      return new Server(await launchRedisServer(own), own, async () => folder?.remove());
    }, options.port);
  } catch (error) {
    await folder?.remove();
    throw error;
  }
}

class Server implements PrivateRedis {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly #settings: RedisServerOptions;
  readonly #removeFolder: () => Promise<void>;
  #server: RedisServer;
  #isFrozen = false;

  constructor(
    server: RedisServer,
    settings: RedisServerOptions,
    removeFolder: () => Promise<void>,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.#removeFolder = removeFolder;
    this.port = settings.port;
    this.dir = settings.dir;
    this.url = `redis://127.0.0.1:${settings.port}`;
    track({
      what: `redis-server on port ${settings.port}`,
      isOpen: () => this.isRunning,
      close: async () => this.dispose(),
    });
  }

  get pid(): number {
    return this.#server.pid;
  }

  get isRunning(): boolean {
    const { exitCode, signalCode } = this.#server.child;
    return exitCode === null && signalCode === null;
  }

  get isAnswering(): boolean {
    return this.isRunning && !this.#isFrozen;
  }

  async kill(): Promise<void> {
    await this.#server.end('SIGKILL');
  }

  async stopCleanly(): Promise<void> {
    this.thaw();
    await this.#server.end('SIGTERM');
  }

  async restart(): Promise<void> {
    await this.stopCleanly();
    if (!existsSync(this.dir)) {
      throw new Error(`this Redis was removed: ${this.dir} is gone`);
    }
    this.#server = await launchRedisServer(this.#settings);
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#server.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#isFrozen = false;
    if (this.isRunning) {
      this.#server.child.kill('SIGCONT');
    }
  }

  async freezeFor(ms: number): Promise<void> {
    this.freeze();
    await sleep(ms);
    this.thaw();
  }

  async dispose(): Promise<void> {
    await this.kill();
    await this.#removeFolder();
  }
}
