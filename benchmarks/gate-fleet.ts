import { connectRedis, fleetKeys, Ledger, SliceQueue } from '@fetchfleet/fleet';
import { eventually, type PrivateRedis, type Running } from '@fetchfleet/testing';
import { startBuilt } from './binaries.ts';
import { enqueueBatch } from './enqueue-batch.ts';
import { cpuDuring } from './process-usage.ts';

const CONCURRENCY = 64;
const DEADLINE_MS = 180_000;

/** The cost of a piece of work. */
export interface Costs {
  readonly seconds: number;
  /** CPU time of all workers and of Redis, in microseconds; undefined without /proc. */
  readonly workerMicros: number | undefined;
  readonly redisMicros: number | undefined;
  /** Calls of scripts, many of which share a pipeline. */
  readonly scripts: number;
  /** Commands, including those in scripts. */
  readonly commands: number;
  /** Claims of slices, and completed slices. */
  readonly starts: number;
  readonly finished: number;
}

interface Counters {
  readonly scripts: number;
  readonly commands: number;
  readonly starts: number;
  readonly finished: number;
}

/** Worker processes for many batches. */
export class GateFleet {
  readonly #redis: PrivateRedis;
  readonly #client: Awaited<ReturnType<typeof connectRedis>>;
  readonly #ledger: Ledger;
  readonly #queue: SliceQueue;
  readonly #workers: readonly { readonly running: Running; readonly metrics: string }[];
  #batches = 0;

  private constructor(
    redis: PrivateRedis,
    client: Awaited<ReturnType<typeof connectRedis>>,
    workers: readonly { readonly running: Running; readonly metrics: string }[],
  ) {
    this.#redis = redis;
    this.#client = client;
    this.#workers = workers;
    this.#ledger = new Ledger(client, fleetKeys('bench-gate'));
    this.#queue = new SliceQueue(client, fleetKeys('bench-gate'));
  }

  static async start(redis: PrivateRedis, size: number, results: string): Promise<GateFleet> {
    const own = ['--fleet', 'bench-gate', '--results', results, '--metrics-port', '0'];
    const flags = ['--allow-private', '--transport', 'native', '--concurrency', `${CONCURRENCY}`];
    const workers = await Promise.all(
      Array.from({ length: size }, async () => {
        const running = await startBuilt('worker', [...own, ...flags], { redisUrl: redis.url });
        const [, port = ''] = await running.waitForLine(/"metricsPort":(\d+).*worker ready/);
        return { running, metrics: `http://127.0.0.1:${port}/metrics` };
      }),
    );
    return new GateFleet(redis, await connectRedis(redis.url), workers);
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
    this.#client.disconnect();
    await Promise.all(this.#workers.map(async ({ running }) => running.kill('SIGTERM')));
  }

  /** Enqueues a batch and waits for its end. */
  async fetchAll(crawl: string): Promise<Costs> {
    return this.#during(async () => {
      const id = await this.enqueue(crawl);
      await eventually(async () => (await this.#ledger.state(id)) === 'finished', {
        deadlineMs: DEADLINE_MS,
        intervalMs: 100,
      });
      const status = await this.#ledger.status(id);
      if (status?.ok !== status?.total) {
        throw new Error(`batch ${id}: not every fetch succeeded`);
      }
    });
  }

  async enqueue(crawl: string): Promise<string> {
    const id = `bench-${this.#batches++}`;
    await enqueueBatch({ ledger: this.#ledger, queue: this.#queue }, id, crawl);
    return id;
  }

  /** Measures the cost of the fleet during `work`. */
  async watch(ms: number): Promise<Costs> {
    return this.#during(async () => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  async #during(work: () => Promise<void>): Promise<Costs> {
    const before = await this.#counters();
    const startedAt = performance.now();
    const pids = [this.#redis.pid, ...this.#workers.map(({ running }) => running.pid)];
    const { micros } = await cpuDuring(pids, work);
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await this.#counters();
    const [redisMicros, ...workerMicros] = micros;
    return {
      seconds,
      workerMicros: workerMicros.reduce((sum, own) => addKnown(sum, own), 0),
      redisMicros,
      scripts: after.scripts - before.scripts,
      commands: after.commands - before.commands,
      starts: after.starts - before.starts,
      finished: after.finished - before.finished,
    };
  }

  async #counters(): Promise<Counters> {
    const info = await this.#client.info('commandstats');
    const calls = [...info.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)];
    const sum = (of: typeof calls): number => of.reduce((all, [, , n]) => all + Number(n), 0);
    const pages = await Promise.all(
      this.#workers.map(async ({ metrics }) => (await fetch(metrics)).text()),
    );
    const slices = [
      ...pages
        .join('\n')
        .matchAll(/^fetchfleet_slices_total\{[^}]*result="([^"]+)"[^}]*\} (\d+)/gm),
    ];
    return {
      scripts: sum(calls.filter(([, name]) => name === 'evalsha' || name === 'eval')),
      commands: sum(calls),
      starts: sum(slices),
      finished: sum(slices.filter(([, result]) => result === 'completed')),
    };
  }
}

function addKnown(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
