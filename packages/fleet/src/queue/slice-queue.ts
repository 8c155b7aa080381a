import { firstIndex, type Plan, type Slice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import type { LedgerReader } from '../ledger/ledger-reader.ts';
import { type FleetKeys, fleetKeys, type ShardKeys } from '../redis/keys.ts';
import { PerShard } from '../shards/per-shard.ts';
import { timeOf } from '../redis/servers.ts';
import type { RedisMemory } from './redis-memory.ts';
import { PausedSlices } from './paused-slices.ts';
import { RejectedSlices } from './rejected-slices.ts';
import { ShardQueue } from './shard-queue.ts';
import { SliceMerger } from './slice-merger.ts';
import { SlicePriorities } from './slice-priorities.ts';

/** The same for the whole life of a slice: a first index never moves to another slice. */
export function sliceId(slice: Slice): string {
  return `${slice.batch}.${firstIndex(slice)}`;
}

/**
 * The queue of slices as producers see it: those of a batch are in the shard of that batch. Workers
 * claim from it with `SliceClaims`.
 */
export class SliceQueue {
  readonly rejected: RejectedSlices;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #shards: PerShard<ShardQueue>;

  /** @param prioritiesOf replaces the order of claims in tests. @default that of all fleets */
  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    prioritiesOf = (shard: ShardKeys): SlicePriorities => new SlicePriorities(redis, shard),
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.rejected = new RejectedSlices(redis, keys);
    this.#shards = new PerShard(keys, (shard) => new ShardQueue(redis, shard, prioritiesOf(shard)));
  }

  /**
   * Adds slices under ids that follow from batch and first index. A slice that is queued already
   * stays as it is, so a call that failed half-way is simply repeated. Batches and origins take
   * turns, see {@link SlicePriorities}.
   *
   * @param ids for slices that have lost their first fetches: the ids they had when they were whole
   */
  async add(slices: readonly Slice[], ids: readonly string[] = slices.map(sliceId)): Promise<void> {
    const all = slices.map((slice, at) => ({ slice, id: ids[at] ?? sliceId(slice) }));
    const adds = this.#byShard(all, ({ slice }) => this.#keys.shardOf(slice.batch));
    await Promise.all(
      adds.map(async ([shard, some]) =>
        this.#shards.at(shard).add(
          some.map(({ slice }) => slice),
          some.map(({ id }) => id),
        ),
      ),
    );
  }

  /** Removes what is queued of a batch that has ended or was removed; of any other, nothing. */
  async removeEnded(batch: string): Promise<void> {
    await new PausedSlices(this.#redis, this.#keys).removeAll(batch);
  }

  /** How much of the fleet a batch gets. Call it before its slices are added. */
  setShare(batch: string, priority: Plan['priority']): void {
    this.#shards.of(batch).setShare(batch, priority);
  }

  /**
   * Adds to the same queue, for a batch whose slices may be queued in part.
   *
   * @param options.isRetried whether fetches of queued slices may have become unsettled again
   */
  merger(options: {
    readonly ledger: Pick<LedgerReader, 'areSettled'>;
    readonly isRetried: boolean;
  }): SliceMerger {
    return new SliceMerger({ ...options, queue: this, redis: this.#redis, keys: this.#keys });
  }

  /** Slices by state: `active`, `waiting`, `delayed`, `failed` ({@link rejected}). */
  async counts(): Promise<Record<string, number>> {
    const sum: Record<string, number> = {};
    for (const counts of await Promise.all(this.#shards.all().map(async (one) => one.counts()))) {
      for (const [state, count] of Object.entries(counts)) {
        sum[state] = (sum[state] ?? 0) + count;
      }
    }
    return sum;
  }

  /**
   * Queues delayed slices now. A slice that is not delayed stays as it is.
   *
   * @returns the slices that will not come: see {@link findGone}
   */
  async wakeSlices(ids: readonly string[]): Promise<string[]> {
    return this.#eachShard(ids, async (shard, some) => shard.wakeSlices(some));
  }

  /** Those of the slices that are neither queued nor at a worker: removed, paused or rejected. */
  async findGone(ids: readonly string[]): Promise<string[]> {
    return this.#eachShard(ids, async (shard, some) => shard.findGone(some));
  }

  /** Those of the slices that can be claimed. */
  async findQueued(ids: readonly string[]): Promise<string[]> {
    return this.#eachShard(ids, async (shard, some) => shard.findQueued(some));
  }

  /** How full the Redis is that has a batch; undefined if it has no limit. */
  async memory(batch: string): Promise<RedisMemory | undefined> {
    return this.#shards.of(batch).memory();
  }

  /** Workers seen within the last 15 s. */
  async workers(): Promise<number> {
    const now = await timeOf(this.#redis, this.#keys.workers);
    return this.#redis.zcount(this.#keys.workers, Math.floor(now / 1_000) - 15, '+inf');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#shards.made().map(async (shard) => shard.stop()));
  }

  async #eachShard(
    ids: readonly string[],
    work: (shard: ShardQueue, some: readonly string[]) => Promise<string[]>,
  ): Promise<string[]> {
    const groups = this.#byShard(ids, this.#keys.shardOfSlice);
    const found = groups.map(async ([shard, some]) => work(this.#shards.at(shard), some));
    return (await Promise.all(found)).flat();
  }

  #byShard<T>(all: readonly T[], shardOf: (one: T) => ShardKeys): [ShardKeys, readonly T[]][] {
    const { shards, home } = this.#keys;
    return shards.length === 1 ? [[home, all]] : [...Map.groupBy(all, shardOf)];
  }
}
