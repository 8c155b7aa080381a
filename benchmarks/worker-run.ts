import { connectRedis, fleetKeys, Ledger, SliceQueue } from '@fetchfleet/fleet';
import { eventually, type PrivateRedis, type Running } from '@fetchfleet/testing';
import { startBuilt } from './binaries.ts';
import type { Contender, Sample } from './contest.ts';
import { enqueueBatch } from './enqueue-batch.ts';
import { crawlText } from './origin.ts';
import { cpuDuring } from './process-usage.ts';

const DEADLINE_MS = 60_000;

export interface BenchWorkerOptions {
  readonly redis: PrivateRedis;
  readonly transport: 'got' | 'undici';
  readonly concurrency: number;
  readonly results: string;
}

let count = 0;

/** A worker process that stays for many batches, in a fleet of its own. */
export class BenchWorker {
  readonly #options: BenchWorkerOptions;
  readonly #running: Running;
  readonly #client: Awaited<ReturnType<typeof connectRedis>>;
  readonly #ledger: Ledger;
  readonly #queue: SliceQueue;

  private constructor(
    options: BenchWorkerOptions,
    started: {
      readonly running: Running;
      readonly client: Awaited<ReturnType<typeof connectRedis>>;
      readonly fleet: string;
    },
  ) {
    const keys = fleetKeys(started.fleet);
    this.#options = options;
    this.#running = started.running;
    this.#client = started.client;
    this.#ledger = new Ledger(started.client, keys);
    this.#queue = new SliceQueue(started.client, keys);
  }

  static async start(options: BenchWorkerOptions): Promise<BenchWorker> {
    const { redis, transport, concurrency, results } = options;
    const fleet = `bench-${count++}`;
    const own = ['--fleet', fleet, '--results', results, '--metrics-port', '0', '--allow-private'];
    const flags = ['--transport', transport, '--concurrency', String(concurrency)];
    const running = await startBuilt('worker', [...own, ...flags], { redisUrl: redis.url });
    await running.waitForLine(/worker ready/);
    return new BenchWorker(options, { running, client: await connectRedis(redis.url), fleet });
  }

  /** @param limit fetches in flight that the gate allows; the gate is asked only if there is one */
  contender(origin: string, fetches: number, limit?: number): Contender {
    const gate = limit === undefined ? '' : ', loose limit';
    const concurrency = String(limit ?? 'unlimited');
    return {
      name: `one worker, ${this.#options.transport}${gate}`,
      fetches,
      run: async (wanted) => this.#run(crawlText(origin, wanted, concurrency)),
    };
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
    this.#client.disconnect();
    await this.#running.kill('SIGTERM');
  }

  /** From the first slice a worker opens to the last record that is durable, by the clock of Redis. */
  async #run(crawl: string): Promise<Sample> {
    const pids = [this.#running.pid, this.#options.redis.pid];
    const { value: batch, micros } = await cpuDuring(pids, async () => this.#fetchAll(crawl));
    const status = await this.#ledger.status(batch);
    if (status?.startedAt === undefined || status.finishedAt === undefined) {
      throw new Error(`batch ${batch} is not finished`);
    }
    const { ok, total } = status;
    if (ok !== total) throw new Error(`batch ${batch}: only ${ok} of ${total} succeeded`);
    const [cpu, redisCpu] = micros;
    return {
      fetches: total,
      seconds: (Date.parse(status.finishedAt) - Date.parse(status.startedAt)) / 1000,
      cpuMicros: cpu === undefined ? undefined : cpu / total,
      redisMicros: redisCpu === undefined ? undefined : redisCpu / total,
    };
  }

  async #fetchAll(text: string): Promise<string> {
    const id = `bench-${count++}`;
    await enqueueBatch({ ledger: this.#ledger, queue: this.#queue }, id, text);
    await eventually(async () => (await this.#ledger.state(id)) === 'finished', {
      deadlineMs: DEADLINE_MS,
    });
    return id;
  }
}
