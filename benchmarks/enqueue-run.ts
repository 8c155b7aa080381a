import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectRedis } from '@fetchfleet/fleet';
import { type Running, startRedis } from '@fetchfleet/testing';
import { startBuilt } from './binaries.ts';
import { residentBytes } from './process-usage.ts';

const SAMPLE_MS = 50;
const DEADLINE_MS = 120_000;

export interface EnqueueFigures {
  readonly fetchesPerSecond: number;
  /** Growth of Redis per pending fetch, in bytes. */
  readonly redisBytesPerFetch: number;
  /**
   * Largest resident memory of the producer in each quarter of the time, in bytes; empty if
   * unknown.
   */
  readonly residentByQuarter: readonly number[];
  /** Heap of the producer after each full collection, in bytes: without garbage. */
  readonly liveHeap: readonly number[];
}

/** Runs `fetchfleet start` without a worker, in its own Redis. */
export async function enqueueRun(total: number, folder: string): Promise<EnqueueFigures> {
  const redis = await startRedis({ appendonly: true, dir: folder });
  const client = await connectRedis(redis.url);
  const usedBytes = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
  try {
    const file = join(folder, 'enqueue.yaml');
    await writeFile(file, crawlText(total));
    const before = await usedBytes();
    const args = ['start', file, '--json'];
    const producer = await startBuilt('producer', args, {
      redisUrl: redis.url,
      nodeFlags: ['--trace-gc'],
    });
    const memory = await watch(producer);
    await producer.exit;
    const startedAt = registeredAt(producer, total);
    return {
      fetchesPerSecond: (total / (memory.endedAt - startedAt)) * 1000,
      redisBytesPerFetch: ((await usedBytes()) - before) / total,
      residentByQuarter: quarters(memory, startedAt),
      liveHeap: liveHeap(producer.stdout),
    };
  } finally {
    client.disconnect();
    await redis.dispose();
  }
}

/** Every URL is different, so no column of a slice shrinks to a single value. */
function crawlText(total: number): string {
  return `
name: enqueue
url: http://127.0.0.1:9/items/{id}
params: { id: { from: 0, to: ${total - 1} } }
network: { allowPrivate: true }
`;
}

interface Memory {
  /** Pairs of time (epoch ms) and resident bytes. */
  readonly samples: readonly (readonly [number, number])[];
  /** When the producer printed its final status, after it queued everything. */
  readonly endedAt: number;
}

async function watch(producer: Running): Promise<Memory> {
  const samples: [number, number][] = [];
  const timer = setInterval(() => {
    residentBytes(producer.pid).then(
      (bytes) => bytes !== undefined && samples.push([Date.now(), bytes]),
      () => clearInterval(timer),
    );
  }, SAMPLE_MS);
  try {
    await producer.waitForLine(/^\{/, DEADLINE_MS);
    return { samples, endedAt: Date.now() };
  } finally {
    clearInterval(timer);
  }
}

/** The largest sample of each quarter of the time. */
function quarters({ samples, endedAt }: Memory, startedAt: number): number[] {
  const quarterMs = (endedAt - startedAt) / 4;
  return [0, 1, 2, 3].flatMap((quarter) => {
    const from = startedAt + quarter * quarterMs;
    const own = samples.filter(([at]) => at >= from && at < from + quarterMs);
    return own.length === 0 ? [] : [Math.max(...own.map(([, bytes]) => bytes))];
  });
}

/** When the batch was registered, from the final status of the command: epoch milliseconds. */
function registeredAt({ stdout, stderr }: Running, total: number): number {
  const status: unknown = JSON.parse(/^\{.*/m.exec(stdout)?.[0] ?? '{}');
  if (!isStatus(status) || status.total !== total) {
    throw new Error(`fetchfleet start did not enqueue ${total} fetches: ${stdout}${stderr}`);
  }
  return Date.parse(status.createdAt);
}

/** Node logs a full collection as `Mark-Compact 73.7 (177.7) -> 33.1 (169.9) MB`. */
function liveHeap(trace: string): number[] {
  const collections = trace.matchAll(/Mark-Compact.*? -> ([\d.]+) /g);
  return [...collections].map(([, mebibytes]) => Number(mebibytes) * 1024 ** 2);
}

function isStatus(value: unknown): value is { readonly createdAt: string; readonly total: number } {
  return typeof value === 'object' && value !== null && 'createdAt' in value && 'total' in value;
}
