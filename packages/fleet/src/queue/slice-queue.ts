import { firstIndex, type Plan, type Slice } from '@fetchfleet/crawl';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Ledger } from '../ledger/ledger.ts';
import { type FleetKeys, fleetKeys, SLICES } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { timeOf } from '../redis/servers.ts';
import { readRedisMemory, type RedisMemory } from './redis-memory.ts';
import { RejectedSlices } from './rejected-slices.ts';
import { SliceMerger } from './slice-merger.ts';
import { SlicePriorities } from './slice-priorities.ts';
import { FIND_GONE } from './slice-sets.lua.ts';

const findGone = new Script(FIND_GONE, z.array(z.string()));
/** The same for the whole life of a slice: a first index never moves to another slice. */
export function sliceId(slice: Slice): string {
  return `${slice.batch}.${firstIndex(slice)}`;
}

/** The queue of slices as producers see it. Workers claim from it with `SliceClaims`. */
export class SliceQueue {
  readonly rejected: RejectedSlices;
  readonly #queue: Queue<Slice, void, 'slice'>;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #priorities: SlicePriorities;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    priorities: SlicePriorities = new SlicePriorities(redis, keys),
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#priorities = priorities;
    this.rejected = new RejectedSlices(redis, keys);
    this.#queue = new Queue(SLICES, {
      connection: redis,
      prefix: keys.queuePrefix,
      defaultJobOptions: { removeOnComplete: true, stackTraceLimit: 0 },
      streams: { events: { maxLen: 100 } },
    });
    // The owner of the connection handles its errors. Without a listener, BullMQ prints them as
    // well.
    this.#queue.on('error', () => undefined);
  }

  /**
   * Adds slices under ids that follow from batch and first index. A slice that is queued already
   * stays as it is, so a call that failed half-way is simply repeated. Batches and origins take
   * turns, see {@link SlicePriorities}.
   *
   * @param ids for slices that have lost their first fetches: the ids they had when they were whole
   */
  async add(slices: readonly Slice[], ids: readonly string[] = slices.map(sliceId)): Promise<void> {
    const assigned = await this.#priorities.assign(slices);
    const jobs = slices.map((slice, i) => ({
      name: 'slice' as const,
      data: slice,
      opts: { jobId: ids[i] ?? sliceId(slice), priority: assigned.priorities[i] ?? 1 },
    }));
    await this.#queue.addBulk(jobs);
    await this.#priorities.confirm(
      assigned,
      jobs.map(({ opts }) => opts.jobId),
    );
  }

  /** How much of the fleet a batch gets. Call it before its slices are added. */
  setShare(batch: string, priority: Plan['priority']): void {
    this.#priorities.setShare(batch, priority);
  }

  /**
   * Adds to the same queue, for a batch whose slices may be queued in part.
   *
   * @param options.isRetried whether fetches of queued slices may have become unsettled again
   */
  merger(options: {
    readonly ledger: Pick<Ledger, 'areSettled'>;
    readonly isRetried: boolean;
  }): SliceMerger {
    return new SliceMerger({ ...options, queue: this, redis: this.#redis, keys: this.#keys });
  }

  /** Slices by state: `active`, `waiting`, `delayed`, `failed` ({@link rejected}). */
  async counts(): Promise<Record<string, number>> {
    const counts = await this.#queue.getJobCounts(
      'active',
      'waiting',
      'prioritized',
      'delayed',
      'failed',
    );
    // Slices of dead workers wait in a list, all others in the set of prioritized jobs.
    const { prioritized = 0, waiting = 0, ...others } = counts;
    return { ...others, waiting: waiting + prioritized };
  }

  /**
   * Queues delayed slices now. A slice that is not delayed stays as it is.
   *
   * @returns the slices that will not come: see {@link findGone}
   */
  async wakeSlices(ids: readonly string[]): Promise<string[]> {
    const asleep: string[] = [];
    for (const id of ids) {
      const job = await this.#queue.getJob(id);
      // It fails if the slice was queued meanwhile, or is not delayed yet: then its own delay ends.
      const isAwake = await job?.promote().then(
        () => true,
        () => false,
      );
      if (isAwake !== true) {
        asleep.push(id);
      }
    }
    return this.findGone(asleep);
  }

  /** Those of the slices that are neither queued nor at a worker: removed, paused or rejected. */
  async findGone(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) {
      return [];
    }
    const sets = ['delayed', 'prioritized', 'wait', 'active'].map((set) => this.#keys.queue(set));
    return findGone.run(this.#redis, sets, [this.#keys.queue(''), ...ids]);
  }

  /** How full Redis is; undefined if it has no limit. */
  async memory(): Promise<RedisMemory | undefined> {
    return readRedisMemory(this.#redis, this.#keys.queue('wait'));
  }

  /** Workers seen within the last 15 s. */
  async workers(): Promise<number> {
    const now = await timeOf(this.#redis, this.#keys.workers);
    return this.#redis.zcount(this.#keys.workers, Math.floor(now / 1_000) - 15, '+inf');
  }

  async stop(): Promise<void> {
    await this.#queue.close();
  }
}
