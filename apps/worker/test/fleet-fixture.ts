import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  expandCrawl,
  type FetchRecord,
  measureCrawl,
  packSlices,
  parseCrawlFile,
  sliceSizeFor,
} from '@fetchfleet/crawl';
import { connectRedis, fleetKeys, Ledger, SliceQueue } from '@fetchfleet/fleet';
import { type Running, startProcess, track } from '@fetchfleet/testing';

let count = 0;

/** A fleet of its own in a Redis: ledger and queue as a producer has them, and workers as real processes. */
export async function startFleet(redisUrl: string, resultsDir: string) {
  const name = `t-${process.pid}-${Date.now().toString(36)}-${count++}`;
  const redis = await connectRedis(redisUrl);
  const keys = fleetKeys(name);
  const ledger = new Ledger(redis, keys);
  const queue = new SliceQueue(redis, keys);
  const stop = async (): Promise<void> => {
    await queue.stop();
    redis.disconnect();
  };
  track({ what: `fleet ${name}`, isOpen: () => redis.status === 'ready', close: stop });
  return {
    name,
    redis,
    keys,
    ledger,
    queue,
    stop,
    /** Enqueues a batch as the producer does. */
    async enqueue(id: string, crawlFile: string, sliceSize?: number): Promise<number> {
      const crawl = parseCrawlFile(crawlFile, `${id}.yaml`);
      const { total } = await measureCrawl(crawl);
      const size = sliceSize ?? sliceSizeFor(total);
      await ledger.register({ id, crawl, total, sliceSize: size, source: id, fingerprint: id });
      for await (const slices of packSlices(id, expandCrawl(crawl), size)) await queue.add(slices);
      await ledger.expanded(id);
      return total;
    },
    async worker(
      flags: readonly string[] = [],
      env: Readonly<Record<string, string>> = {},
    ): Promise<Running> {
      const running = await startProcess(
        'fetchfleet-worker',
        [
          '--allow-private',
          '--metrics-port',
          '0',
          '--fleet',
          name,
          '--results',
          resultsDir,
          ...flags,
        ],
        { env: { REDIS_URL: redisUrl, FETCHFLEET_LOG_FORMAT: 'json', ...env } },
      );
      await running.waitForLine(/worker ready/);
      return running;
    },
  };
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>;

/** Every record of a batch as the parts hold them, repetitions included. */
export async function readRecords(resultsDir: string, batch: string): Promise<FetchRecord[]> {
  const folder = join(resultsDir, batch);
  const parts = (await readdir(folder)).filter((name) => name.startsWith('part-'));
  const texts = await Promise.all(parts.map(async (part) => readFile(join(folder, part), 'utf8')));
  return texts.flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as FetchRecord),
  );
}

/** The indexes that have a record, in order, each once. */
export async function recordedIndexes(resultsDir: string, batch: string): Promise<number[]> {
  const records = await readRecords(resultsDir, batch);
  return [...new Set(records.map((record) => record.index))].toSorted((a, b) => a - b);
}

export function range(total: number): number[] {
  return Array.from({ length: total }, (_, index) => index);
}
