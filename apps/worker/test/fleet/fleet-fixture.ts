import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  expandCrawl,
  type FetchRecord,
  measureCrawl,
  packSlices,
  sliceSizeFor,
} from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { connectRedis, fleetKeys, Ledger, SliceQueue } from '@fetchfleet/fleet';
import { beforeAll, expect } from '@jest/globals';
import {
  eventually,
  redisUrl,
  type Running,
  startOrigin,
  startProcess,
  temporaryFolder,
  trackRedis,
} from '@fetchfleet/testing';
import { Queue } from 'bullmq';

let count = 0;

/** In place of a flag: the worker may not open private addresses. */
export const PUBLIC_ONLY = 'public only';

/** A crawl file over n = 0 … total − 1, without limits of its own unless `extra` sets them. */
export function crawlFile(
  url: string,
  total: number,
  extra: Readonly<Record<string, string>> = {},
): string {
  const settings = {
    url: JSON.stringify(url),
    params: `{ n: { from: 0, to: ${total - 1} } }`,
    network: '{ allowPrivate: true }',
    politeness: '{ concurrency: unlimited, robots: ignore }',
    ...extra,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

/** A fleet in a Redis: ledger and queue as a producer has them, and workers as real processes. */
export async function startFleet(url: string, resultsDir: string) {
  const name = `t-${process.pid}-${Date.now().toString(36)}-${count++}`;
  const redis = await connectRedis(url);
  const keys = fleetKeys(name);
  const ledger = new Ledger(redis, keys);
  const queue = new SliceQueue(redis, keys);
  const stop = async (): Promise<void> => {
    await queue.stop();
    redis.disconnect();
  };
  trackRedis(redis, `fleet ${name}`, stop);
  return {
    name,
    redis,
    keys,
    ledger,
    queue,
    stop,
    /** Enqueues a batch as the producer does. */
    async enqueue(id: string, text: string, sliceSize?: number): Promise<number> {
      const crawl = parseCrawlFile(text, `${id}.yaml`);
      const { total } = await measureCrawl(crawl);
      const packing = { sliceSize: sliceSize ?? sliceSizeFor(total), mixesOrigins: true };
      await ledger.register({ id, crawl, total, ...packing, source: id, fingerprint: id });
      for await (const slices of packSlices(id, expandCrawl(crawl), packing)) {
        await queue.add(slices);
      }
      await ledger.expanded(id);
      return total;
    },
    /** Waits until the batch is finished. */
    async finished(id: string) {
      await eventually(async () => (await ledger.state(id)) === 'finished');
      const status = await ledger.status(id);
      if (status === undefined) {
        throw new Error(`no batch ${id}`);
      }
      return status;
    },
    /** Puts a job into the queue that no producer of ours would. */
    async addForeign(jobId: string, data: unknown): Promise<void> {
      const foreign = new Queue('slices', { connection: redis, prefix: keys.home.queuePrefix });
      await foreign.add('foreign', data, { jobId });
      await foreign.close();
    },
    /** Every key and value of the fleet, as text. */
    async dump(): Promise<string> {
      const found = await redis.keys(`*${name}*`);
      const parts = await Promise.all(
        found.map(async (key) => [
          key,
          (await redis.type(key)) === 'hash' ? JSON.stringify(await redis.hgetall(key)) : '',
        ]),
      );
      return parts.flat().join('\n');
    },
    async worker(
      flags: readonly string[] = [],
      env: Readonly<Record<string, string>> = {},
    ): Promise<Running> {
      const privacy = flags.includes(PUBLIC_ONLY) ? [] : ['--allow-private'];
      const own = ['--metrics-port', '0', '--fleet', name, '--results', resultsDir];
      const given = flags.filter((flag) => flag !== PUBLIC_ONLY);
      const running = await startProcess('fetchfleet-worker', [...privacy, ...own, ...given], {
        env: {
          REDIS_URL: url,
          FETCHFLEET_LOG_FORMAT: 'json',
          // It takes a quarter of the CPU time. What depends on the transport asks for both.
          FETCHFLEET_TRANSPORT: 'native',
          ...env,
        },
      });
      await running.waitForLine(/worker ready/); // on a busy machine
      return running;
    },
  };
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>;

/** An origin, a results folder, and a fleet without workers. */
export async function setUpFleet(
  url = redisUrl(),
  options: Parameters<typeof startOrigin>[0] = {},
) {
  return { origin: await startOrigin(options), ...(await startFleetWithResults(url)) };
}

/** One fleet with a worker for the tests of a block; they use other batches and other origins. */
export function shareFleet(
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
) {
  let shared: { readonly results: string; readonly fleet: Fleet; readonly worker: Running };
  beforeAll(async () => {
    const own = await startFleetWithResults(redisUrl());
    shared = { ...own, worker: await own.fleet.worker(flags, env) };
  });
  return async () => ({ origin: await startOrigin(), ...shared });
}

/** The metrics of a worker. */
export async function metricsOf(worker: Running): Promise<string> {
  const [, port = ''] = await worker.waitForLine(/"metricsPort":(\d+)/);
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

async function startFleetWithResults(url: string) {
  const { path: results } = await temporaryFolder();
  return { results, fleet: await startFleet(url, results) };
}

/** Every complete line of a batch's parts, repetitions included. */
export async function partLines(resultsDir: string, batch: string): Promise<string[]> {
  const folder = join(resultsDir, batch);
  const parts = (await readdir(folder)).filter((name) => name.startsWith('part-'));
  const texts = await Promise.all(parts.map(async (part) => readFile(join(folder, part), 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter((line) => line.endsWith('}')));
}

export async function readRecords(resultsDir: string, batch: string): Promise<FetchRecord[]> {
  const lines = await partLines(resultsDir, batch);
  return lines.map((line) => JSON.parse(line) as FetchRecord);
}

/** The indexes that have a record, in order, each once. */
export async function recordedIndexes(resultsDir: string, batch: string): Promise<number[]> {
  const records = await readRecords(resultsDir, batch);
  return [...new Set(records.map((record) => record.index))].toSorted((a, b) => a - b);
}

export function range(total: number): number[] {
  return Array.from({ length: total }, (_, index) => index);
}

/** Waits until at least so many fetches of a batch are settled. */
export async function settled(fleet: Fleet, id: string, atLeast: number): Promise<void> {
  await eventually(async () =>
    expect((await fleet.ledger.status(id))?.settled).toBeGreaterThanOrEqual(atLeast),
  );
}

/** Waits for the end of a batch; every fetch succeeded, has a record, and left the queue. */
export async function expectComplete(
  { fleet, results }: { readonly fleet: Fleet; readonly results: string },
  id: string,
  total: number,
): Promise<void> {
  const status = await fleet.finished(id);
  expect(status).toMatchObject({ total, settled: total, ok: total, failed: 0 });
  expect(await recordedIndexes(results, id)).toEqual(range(total));
  await eventually(async () =>
    expect(await fleet.queue.counts()).toEqual({ active: 0, waiting: 0, delayed: 0, failed: 0 }),
  );
}
