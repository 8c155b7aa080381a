import type { Plan, Slice } from '@fetchfleet/crawl';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type ShardKeys, SLICES } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { readRedisMemory, type RedisMemory } from './redis-memory.ts';
import type { SlicePriorities } from './slice-priorities.ts';
import { FIND_GONE, FIND_QUEUED } from './slice-sets.lua.ts';

const findGone = new Script(FIND_GONE, z.array(z.string()));
const findQueued = new Script(FIND_QUEUED, z.array(z.string()));

/** The slices of one shard: see `SliceQueue`. */
export class ShardQueue {
  readonly #queue: Queue<Slice, void, 'slice'>;
  readonly #redis: Redis;
  readonly #keys: ShardKeys;
  readonly #priorities: SlicePriorities;

  constructor(redis: Redis, keys: ShardKeys, priorities: SlicePriorities) {
    this.#redis = redis;
    this.#keys = keys;
    this.#priorities = priorities;
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
  async add(slices: readonly Slice[], ids: readonly string[]): Promise<void> {
    const assigned = await this.#priorities.assign(slices);
    const jobs = slices.map((slice, i) => ({
      name: 'slice' as const,
      data: slice,
      opts: { jobId: ids[i] ?? '', priority: assigned.priorities[i] ?? 1 },
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

  /** Slices by state: `active`, `waiting`, `delayed`, `failed`. */
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

  /** Those of the slices that can be claimed. */
  async findQueued(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) {
      return [];
    }
    return findQueued.run(this.#redis, ['prioritized', 'wait'].map(this.#keys.queue), ids);
  }

  /** How full its Redis is; undefined if that has no limit. */
  async memory(): Promise<RedisMemory | undefined> {
    return readRedisMemory(this.#redis, this.#keys.queue('wait'));
  }

  async stop(): Promise<void> {
    await this.#queue.close();
  }
}
