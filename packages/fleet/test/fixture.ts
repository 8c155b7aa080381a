import { randomBytes } from 'node:crypto';
import type { Crawl, Plan, Slice } from '@fetchfleet/crawl';
import { redisUrl, trackRedis } from '@fetchfleet/testing';
import { connectRedis, fleetKeys, readShards } from '../src/index.ts';

export const plan: Plan = {
  name: 'test',
  url: 'http://origin.example/{n}',
  params: ['n'],
  headers: {},
  politeness: {
    rate: 'unlimited',
    burst: 1,
    concurrency: 4,
    robots: 'ignore',
    patienceMs: 3_600_000,
  },
  retry: { attempts: 5, backoffMs: 1_000 },
  limits: { timeoutMs: 30_000, maxBodyBytes: 1_000_000, redirects: 5 },
  network: { allowPrivate: false, allow: [] },
};

export const crawl: Crawl = {
  plan,
  sources: [{ name: 'n', kind: 'range', from: 0, to: 9_999 }],
  combine: 'product',
};

/** A connection and keys that no other test has. @param shards @default 1 */
export async function freshFleet(shards = 1) {
  const redis = await connectRedis(redisUrl());
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`, shards);
  if (shards > 1) {
    await readShards(redis, keys, shards);
  }
  trackRedis(redis, `Redis connection of ${keys.home.queuePrefix}`);
  return { redis, keys };
}

export function registration(id: string, total: number) {
  return { id, crawl, total, sliceSize: 50, source: '/crawls/test.yaml', fingerprint: `f-${id}` };
}

/** A slice of `count` fetches whose values are their indexes. */
export function sliceOf(batch: string, first: number, count: number): Slice {
  return {
    batch,
    origin: 'http://origin.example',
    ranges: [first, count],
    columns: [Array.from({ length: count }, (_, i) => String(first + i))],
  };
}

export function rethrow(error: unknown): never {
  throw error;
}
