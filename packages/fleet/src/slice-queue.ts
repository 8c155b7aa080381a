import type { Slice } from '@fetchfleet/crawl';
import { firstIndex } from '@fetchfleet/crawl';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from './keys.ts';

/** Name of the one queue of a fleet. */
export const SLICES = 'slices';

/** Stays the same for the whole life of a slice: its first index never moves to another one. */
export function sliceId(slice: Slice): string {
  return `${slice.batch}.${firstIndex(slice)}`;
}

/** Where slices wait for workers: the side of the producer, and of whoever counts. */
export class SliceQueue {
  readonly #queue: Queue<Slice, void, 'slice'>;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
    this.#queue = new Queue(SLICES, {
      connection: redis,
      prefix: keys.queuePrefix,
      defaultJobOptions: { removeOnComplete: true, stackTraceLimit: 0 },
      streams: { events: { maxLen: 100 } },
    });
    // Whoever owns the connection hears of its errors; BullMQ would print them as well.
    this.#queue.on('error', () => undefined);
  }

  /**
   * Adds slices under ids derived from batch and first index. One that is queued already is left as it is, so that
   * a call that failed half-way is simply repeated.
   *
   * @param ids of slices that have lost their first fetches since: the ids they had when they were whole
   */
  async add(slices: readonly Slice[], ids: readonly string[] = slices.map(sliceId)): Promise<void> {
    await this.#queue.addBulk(
      slices.map((slice, i) => ({
        name: 'slice',
        data: slice,
        opts: { jobId: ids[i] ?? sliceId(slice) },
      })),
    );
  }

  /** Slices by state: `active`, `waiting`, `delayed`, `failed` (corrupt ones, kept to be looked at). */
  async counts(): Promise<Record<string, number>> {
    return this.#queue.getJobCounts('active', 'waiting', 'delayed', 'failed');
  }

  /** Workers seen within the last 15 s. */
  async workers(): Promise<number> {
    const [seconds] = await this.#redis.time();
    return this.#redis.zcount(this.#keys.workers, Number(seconds) - 15, '+inf');
  }

  async stop(): Promise<void> {
    await this.#queue.close();
  }
}
