import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectRedis, fleetKeys, Ledger, SliceQueue } from '@fetchfleet/fleet';
import { eventually, type PrivateRedis, type Running } from '@fetchfleet/testing';
import { startBuilt } from './binaries.ts';
import type { Contender, Sample } from './contest.ts';
import type { BenchContext } from './context.ts';
import { type BenchCrawl, crawlText } from './crawl-text.ts';
import { enqueueBatch } from './enqueue-batch.ts';
import { cpuDuring, residentBytes } from './process-usage.ts';

const DEADLINE_MS = 300_000;
/** Poll interval for the end of a batch; its times come from the ledger. */
const POLL_MS = 20;

export interface BenchFleetOptions {
  readonly redis: PrivateRedis;
  /** @default 'native' */
  readonly transport?: 'got' | 'native';
  /** Fetches in flight in each worker. */
  readonly concurrency: number;
  /** @default 1 */
  readonly workers?: number;
  /** Flags for Node. @default [] */
  readonly nodeFlags?: readonly string[];
  /** Variables of the workers. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

type Client = Awaited<ReturnType<typeof connectRedis>>;

let fleets = 0;
let batches = 0;

/** Worker processes for many batches, in their own fleet. */
export class BenchFleet {
  readonly name: string;
  readonly workers: readonly Running[];
  readonly ledger: Ledger;
  readonly results: string;
  readonly client: Client;
  readonly redis: PrivateRedis;
  readonly #queue: SliceQueue;

  private constructor(
    redis: PrivateRedis,
    started: { name: string; results: string; workers: readonly Running[]; client: Client },
  ) {
    const keys = fleetKeys(started.name);
    this.name = started.name;
    this.results = started.results;
    this.workers = started.workers;
    this.ledger = new Ledger(started.client, keys);
    this.#queue = new SliceQueue(started.client, keys);
    this.client = started.client;
    this.redis = redis;
  }

  /** Starts the workers, which are stopped at the end of the benchmark. */
  static async start(context: BenchContext, options: BenchFleetOptions): Promise<BenchFleet> {
    const { redis, transport = 'native', concurrency, workers: size = 1 } = options;
    const { nodeFlags = [], env = {} } = options;
    const name = `bench-${fleets++}`;
    const results = join(context.folder, name);
    const own = ['--fleet', name, '--results', results, '--metrics-port', '0', '--allow-private'];
    const flags = ['--transport', transport, '--concurrency', String(concurrency)];
    const workers = await Promise.all(
      Array.from({ length: size }, async () => {
        const running = await startBuilt('worker', [...own, ...flags], {
          redisUrl: redis.url,
          nodeFlags,
          env,
        });
        await running.waitForLine(/worker ready/, 30_000);
        return running;
      }),
    );
    const client = await connectRedis(redis.url);
    const fleet = new BenchFleet(redis, { name, results, workers, client });
    context.onEnd(async () => fleet.#stop());
    return fleet;
  }

  contender(name: string, crawl: BenchCrawl, warmUp?: number): Contender {
    return {
      name,
      fetches: crawl.fetches,
      run: async (fetches) => this.run({ ...crawl, fetches }),
      ...(warmUp !== undefined && { warmUp }),
    };
  }

  /** From the first slice that a worker opens to the last durable record, on the clock of Redis. */
  async run(crawl: BenchCrawl): Promise<Sample> {
    const pids = [this.redis.pid, ...this.workers.map(({ pid }) => pid)];
    const id = `bench-${batches++}`;
    const { micros } = await cpuDuring(pids, async () => {
      await enqueueBatch({ ledger: this.ledger, queue: this.#queue }, id, crawlText(crawl));
      await this.finished(id);
    });
    const { ok, total, seconds } = await this.times(id);
    if (ok !== total && crawl.mayFail !== true) {
      throw new Error(`batch ${id}: only ${ok} of ${total} succeeded`);
    }
    const resident = await Promise.all(this.workers.map(async ({ pid }) => residentBytes(pid)));
    await rm(join(this.results, id), { recursive: true, force: true });
    const [redisMicros, ...workerMicros] = micros;
    return {
      fetches: total,
      seconds,
      redisMicros,
      cpuMicros: sum(workerMicros),
      rssBytes: sum(resident),
    };
  }

  async finished(id: string): Promise<void> {
    await eventually(async () => (await this.ledger.state(id)) === 'finished', {
      deadlineMs: DEADLINE_MS,
      intervalMs: POLL_MS,
    });
  }

  /** The times and counts of a finished batch. */
  async times(id: string): Promise<{ ok: number; total: number; seconds: number }> {
    const status = await this.ledger.status(id);
    if (status?.startedAt === undefined || status.finishedAt === undefined) {
      throw new Error(`batch ${id} is not finished`);
    }
    const seconds = (Date.parse(status.finishedAt) - Date.parse(status.startedAt)) / 1000;
    return { ok: status.ok, total: status.total, seconds };
  }

  async #stop(): Promise<void> {
    await this.#queue.stop();
    this.client.disconnect();
    await Promise.all(this.workers.map(async (worker) => worker.kill('SIGTERM')));
    await rm(this.results, { recursive: true, force: true });
  }
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((a, b) => (a === undefined || b === undefined ? undefined : a + b), 0);
}
