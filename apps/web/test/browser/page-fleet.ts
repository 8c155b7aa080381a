import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectRedis, fleetKeys, type FleetKeys } from '@fetchfleet/fleet';
import {
  eventually,
  freePort,
  redisUrl,
  type Running,
  startProcess,
  temporaryFolder,
  trackRedis,
} from '@fetchfleet/testing';
import type { Redis } from 'ioredis';

interface PageFleetOptions {
  /** Flags of `fetchfleet-web`. */
  readonly flags?: readonly string[];
  /** Flags of the sample API, such as `--latency`. */
  readonly api?: readonly string[];
  /** @default 1 */
  readonly workers?: number;
  /** @default a random one */
  readonly name?: string;
  /** @default that of the test run */
  readonly url?: string;
}

/**
 * A fleet as people run it: the sample API, workers and the server of the page are the programs
 * that ship, and a Redis is between them.
 */
export class PageFleet {
  readonly name: string;
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly folder: string;
  readonly results: string;
  readonly workers: Running[] = [];
  /** Of the sample API. */
  api = '';
  readonly #url: string;
  readonly #flags: readonly string[];
  #port = 0;
  #web: Running | undefined;
  #files = 0;

  private constructor(
    redis: Redis,
    { name, url, folder, flags }: { name: string; url: string; folder: string; flags: string[] },
  ) {
    this.name = name;
    this.redis = redis;
    this.keys = fleetKeys(name);
    this.folder = folder;
    this.results = join(folder, 'results');
    this.#url = url;
    this.#flags = flags;
  }

  static async start(options: PageFleetOptions = {}): Promise<PageFleet> {
    const { flags = [], api = [], workers = 1, url = redisUrl() } = options;
    const name = options.name ?? `t-${randomBytes(6).toString('hex')}`;
    const { path: folder } = await temporaryFolder('page');
    const redis = await connectRedis(url);
    trackRedis(redis, `connection of ${name}`);
    const fleet = new PageFleet(redis, { name, url, folder, flags: [...flags] });
    await mkdir(fleet.results);
    const [origin] = await Promise.all([
      fleet.startApi(api),
      fleet.startWeb(),
      ...Array.from({ length: workers }, async () => fleet.startWorker()),
    ]);
    fleet.api = origin;
    return fleet;
  }

  /** Of the page, with a slash at its end. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Starts a sample API. @returns its origin */
  async startApi(flags: readonly string[] = []): Promise<string> {
    const running = await startProcess('fetchfleet-sample-api', [
      '--port',
      '0',
      '--json',
      ...flags,
    ]);
    const [line] = await running.waitForLine(/^\{.*\}$/u);
    return (JSON.parse(line) as { readonly origin: string }).origin;
  }

  /** At the same port as before, so that pages which are open find it again. */
  async startWeb(): Promise<void> {
    this.#port ||= await freePort();
    const flags = ['--port', String(this.#port), '--results', this.results, ...this.#flags];
    this.#web = await startProcess('fetchfleet-web', flags, { env: this.#env() });
    await this.#web.waitForLine(/the page is at/u);
  }

  async stopWeb(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#web?.kill(signal);
  }

  async startWorker(flags: readonly string[] = []): Promise<Running> {
    const own = ['--metrics-port', '0', '--results', this.results];
    const running = await startProcess('fetchfleet-worker', [...own, ...flags], {
      env: { ...this.#env(), FETCHFLEET_TRANSPORT: 'native' },
    });
    await running.waitForLine(/worker ready/u);
    this.workers.push(running);
    return running;
  }

  /** Runs `fetchfleet` to its end. @returns what it printed */
  async run(...args: readonly string[]): Promise<string> {
    const running = await startProcess('fetchfleet', args, { env: this.#env(), cwd: this.folder });
    const { code } = await running.exit;
    if (code !== 0) {
      throw new Error(`fetchfleet ${args.join(' ')}: ${code}\n${running.stderr}`);
    }
    return running.stdout;
  }

  /** The document that a command prints. */
  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(...args, '--json')) as T;
  }

  /** Enqueues a batch. @returns its id */
  async begin(crawlFile: string): Promise<string> {
    const { batch } = await this.json<{ batch: string }>('start', await this.write(crawlFile));
    return batch;
  }

  /** Enqueues a batch, and waits until it is finished. @returns its id */
  async finish(crawlFile: string): Promise<string> {
    const batch = await this.begin(crawlFile);
    await this.reaches(batch, 'finished');
    return batch;
  }

  /** Waits for a state of a batch. */
  async reaches(batch: string, state: string): Promise<void> {
    await eventually(async () => (await this.stateOf(batch)) === state);
  }

  async stateOf(batch: string): Promise<string | null> {
    return this.redis.hget(this.keys.batch(batch), 'state');
  }

  /** Requests that the sample API has answered. */
  async served(): Promise<number> {
    const answer = await fetch(`${this.api}/stats`);
    return ((await answer.json()) as { readonly requests: number }).requests;
  }

  async settledOf(batch: string): Promise<number> {
    return Number(await this.redis.hget(this.keys.batch(batch), 'settled'));
  }

  /** Writes a crawl file. @returns its path */
  async write(crawlFile: string): Promise<string> {
    this.#files += 1;
    const path = join(this.folder, `crawl-${this.#files}.yaml`);
    await writeFile(path, crawlFile);
    return path;
  }

  #env(): Record<string, string> {
    return {
      REDIS_URL: this.#url,
      FETCHFLEET_FLEET: this.name,
      FETCHFLEET_RESULTS: this.results,
      FETCHFLEET_LOG_FORMAT: 'json',
      FETCHFLEET_BY: 'operator@console', // pictures name no machine
      FETCHFLEET_ALLOW_PRIVATE: 'true', // the sample API is on loopback
    };
  }
}

/** A crawl file over n = 1 … total at an address of the sample API, which has 250 items. */
export function crawlOf(
  url: string,
  total: number,
  {
    name = 'items',
    ...settings
  }: Readonly<Record<string, string>> & { readonly name?: string } = {},
): string {
  const all = {
    name,
    url: JSON.stringify(url),
    params: `{ n: { from: 1, to: ${total} } }`,
    network: '{ allowPrivate: true }',
    politeness: '{ robots: ignore, concurrency: unlimited }',
    ...settings,
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}
