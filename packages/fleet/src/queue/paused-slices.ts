import type { Plan, Slice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Waitlist } from '../gate/waitlist.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { PerShard } from '../shards/per-shard.ts';
import { Script } from '../redis/script.ts';
import { SlicePriorities } from './slice-priorities.ts';
import { idPrefix, readSlice, scanAll, type ScanStep, scanStep } from './slice-scan.ts';
import {
  REMOVE_ENDED,
  REMOVE_ENDED_WAITING,
  REQUEUE,
  WITHDRAW,
  WITHDRAW_ONE,
} from './slice-sets.lua.ts';

/** Slices that are queued in one go: bounds the memory. */
const CHUNK = 200;

const scripts = {
  withdraw: new Script(WITHDRAW, scanStep),
  withdrawOne: new Script(WITHDRAW_ONE, z.number().int()),
  requeue: new Script(REQUEUE, z.number().int()),
  removeEnded: new Script(REMOVE_ENDED, scanStep),
  removeEndedWaiting: new Script(REMOVE_ENDED_WAITING, scanStep),
};

/**
 * The slices of paused batches. They are in a set of their own, out of the queue: in the queue,
 * each of them would be claimed and delayed again every few seconds.
 *
 * The command that pauses a batch withdraws what is queued. Slices that workers have claimed by
 * then, and slices that a producer adds later, are withdrawn by the worker that claims them. Each
 * script checks the state of the batch, so a running batch never keeps a slice here.
 */
export class PausedSlices {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #priorities: PerShard<SlicePriorities>;
  readonly #waitlist: Waitlist;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
    this.#priorities = new PerShard(keys, (shard) => new SlicePriorities(redis, shard));
    this.#waitlist = new Waitlist(redis, keys);
  }

  /**
   * Takes the slices of a paused batch out of the queue, delayed ones too, and out of the waitlists
   * of their origins. May be repeated.
   *
   * @returns how many slices were taken out
   */
  async withdraw(batch: string): Promise<number> {
    const { queue } = this.#keys.shardOf(batch);
    const args = [queue(''), idPrefix(batch)];
    let withdrawn = 0;
    for (const set of ['prioritized', 'delayed']) {
      const keys = [this.#keys.batch(batch), queue(set), this.#keys.pausedSlices(batch)];
      withdrawn += await this.#leaveWaitlists(batch, async (cursor) =>
        scripts.withdraw.run(this.#redis, keys, [...args, cursor]),
      );
    }
    return withdrawn;
  }

  /**
   * Takes a slice that its worker has just delayed out of the queue; queues it if the batch was
   * resumed meanwhile.
   */
  async withdrawOne(batch: string, id: string): Promise<void> {
    const { queue } = this.#keys.shardOf(batch);
    const [delayed = '', ...rest] = ['delayed', 'prioritized', 'pc', 'marker', id].map(queue);
    const keys = [this.#keys.batch(batch), delayed, this.#keys.pausedSlices(batch), ...rest];
    await scripts.withdrawOne.run(this.#redis, keys, [id]);
  }

  /**
   * Queues the slices of a batch that was resumed. They get new priorities: with the old ones, all
   * of them would come before everything that was queued meanwhile.
   *
   * @param priority of its crawl
   * @returns how many slices were queued
   */
  async requeue(batch: string, priority?: Plan['priority']): Promise<number> {
    const priorities = this.#priorities.of(batch);
    priorities.setShare(batch, priority);
    const paused = this.#keys.pausedSlices(batch);
    const { queue } = this.#keys.shardOf(batch);
    const sets = ['prioritized', 'pc', 'marker'].map(queue);
    let queued = 0;
    for (;;) {
      const ids = await this.#redis.zrange(paused, 0, String(CHUNK - 1));
      if (ids.length === 0) {
        return queued;
      }
      const assigned = await priorities.assign(await this.#read(batch, ids));
      const args = ids.flatMap((id, at) => [id, assigned.priorities[at] ?? 1]);
      queued += await scripts.requeue.run(this.#redis, [paused, ...sets], [queue(''), ...args]);
      await priorities.confirm(assigned, ids);
    }
  }

  /** Slices that wait until their batch is resumed. */
  async count(batch: string): Promise<number> {
    return this.#redis.zcard(this.#keys.pausedSlices(batch));
  }

  /**
   * Removes every slice of a batch that is cancelled, finished or removed, except those that
   * workers have claimed: paused, queued, delayed and rejected ones, and those of dead workers.
   * They also leave the waitlists of their origins. May be repeated.
   *
   * @returns how many slices were removed
   */
  async removeAll(batch: string): Promise<number> {
    const { queue } = this.#keys.shardOf(batch);
    const sets = ['prioritized', 'delayed', 'failed'].map(queue);
    const args = [queue(''), idPrefix(batch)];
    let removed = await this.#leaveWaitlists(batch, async () =>
      scripts.removeEndedWaiting.run(this.#redis, [this.#keys.batch(batch), queue('wait')], args),
    );
    for (const set of [this.#keys.pausedSlices(batch), ...sets]) {
      const keys = [this.#keys.batch(batch), set];
      removed += await this.#leaveWaitlists(batch, async (cursor) =>
        scripts.removeEnded.run(this.#redis, keys, [...args, cursor]),
      );
    }
    return removed;
  }

  /**
   * Scans the queue, and takes the batch out of the waitlists that its slices were in. If this
   * fails, workers do it for the origins they work on.
   */
  async #leaveWaitlists(batch: string, step: ScanStep): Promise<number> {
    const { count, origins } = await scanAll(step);
    await this.#waitlist.leaveBatch(batch, origins);
    return count;
  }

  async #read(batch: string, ids: readonly string[]): Promise<Slice[]> {
    const texts = await Promise.all(
      ids.map(async (id) => this.#redis.hget(this.#keys.slice(id), 'data')),
    );
    // A damaged slice is queued as well: the worker that claims it rejects it, with the reason.
    return texts.map((text) => readSlice(text) ?? { batch, origin: '', ranges: [], columns: [] });
  }
}
