import type { Redis } from 'ioredis';
import type { ShardKeys } from '../redis/keys.ts';

/** What a shard has to do. */
export interface ShardLoad {
  readonly index: number;
  readonly batches: number;
  readonly slices: number;
}

/** The index of the shard that gets the next batch. */
export async function leastLoaded(redis: Redis, shards: readonly ShardKeys[]): Promise<number> {
  const loads = await Promise.all(shards.map(async (shard) => loadOf(redis, shard)));
  return chooseShard(loads, Math.random);
}

/** @param random from 0 up to but not including 1; of equal loads any may be chosen */
export function chooseShard(loads: readonly ShardLoad[], random: () => number): number {
  const ranked = loads
    .map((load) => ({ ...load, chance: random() }))
    .toSorted((a, b) => a.batches - b.batches || a.slices - b.slices || a.chance - b.chance);
  return ranked[0]?.index ?? 0;
}

async function loadOf(redis: Redis, shard: ShardKeys): Promise<ShardLoad> {
  const { index, unfinished, queue } = shard;
  const sets = ['prioritized', 'delayed'].map(queue);
  const [listed, mark, ...queued] = await Promise.all([
    redis.zcard(unfinished),
    redis.zscore(unfinished, ''), // not a batch: see the keys
    ...sets.map(async (set) => redis.zcard(set)),
  ]);
  const slices = queued.reduce((sum, count) => sum + count, 0);
  return { index, batches: mark === null ? listed : listed - 1, slices };
}
