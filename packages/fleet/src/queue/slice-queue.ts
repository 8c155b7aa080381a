import type { Slice } from '@fetchfleet/crawl';
import { firstIndex } from '@fetchfleet/crawl';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { FairOrder } from './fair-order.ts';
import { type FleetKeys, fleetKeys, SLICES } from '../redis/keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { RejectedSlices } from './rejected-slices.ts';
import { SliceMerger } from './slice-merger.ts';

/** Stays the same for the whole life of a slice: its first index never moves to another one. */
export function sliceId(slice: Slice): string {
  return `${slice.batch}.${firstIndex(slice)}`;
}

/** Where slices wait for workers: the side of the producer, and of whoever counts. */
export class SliceQueue {
  readonly rejected: RejectedSlices;
  readonly #queue: Queue<Slice, void, 'slice'>;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #order: FairOrder;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    order: FairOrder = new FairOrder(redis, keys),
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#order = order;
    this.rejected = new RejectedSlices(redis, keys);
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
   * a call that failed half-way is simply repeated. Batches and origins take turns, see {@link FairOrder}.
   *
   * @param ids of slices that have lost their first fetches since: the ids they had when they were whole
   */
  async add(slices: readonly Slice[], ids: readonly string[] = slices.map(sliceId)): Promise<void> {
    const turns = await this.#order.assign(slices);
    const jobs = slices.map((slice, i) => ({
      name: 'slice' as const,
      data: slice,
      opts: { jobId: ids[i] ?? sliceId(slice), priority: turns.priorities[i] ?? 1 },
    }));
    await this.#queue.addBulk(jobs);
    await this.#order.confirm(
      turns,
      jobs.map(({ opts }) => opts.jobId),
    );
  }

  /** The same queue for a batch of which slices may be there in part. */
  merger(ledger: Pick<Ledger, 'areSettled'>): SliceMerger {
    return new SliceMerger({ queue: this, ledger, redis: this.#redis, keys: this.#keys });
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
    // Every slice has a priority; those of vanished workers wait in a list before all others. For us both wait.
    const { prioritized = 0, waiting = 0, ...others } = counts;
    return { ...others, waiting: waiting + prioritized };
  }

  /** Lets slices that were delayed come now. One that is not delayed (any more) stays as it is. */
  async wakeSlices(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const job = await this.#queue.getJob(id);
      // It came by itself meanwhile, or has not left yet: then its own time brings it.
      await job?.promote().catch(() => undefined);
    }
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
