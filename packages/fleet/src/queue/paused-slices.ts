import type { Slice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { FairOrder } from './fair-order.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { readSlice } from './read-slice.ts';
import { Script } from '../redis/script.ts';
import { DROP, HOLD, HOLD_ONE, RELEASE } from './paused-slices.lua.ts';
import { idPrefix, scanAll, scanStep } from './slice-scan.ts';

/** Slices that are released in one go: bounds what lies in memory. */
const CHUNK = 200;

const scripts = {
  hold: new Script(HOLD, scanStep),
  holdOne: new Script(HOLD_ONE, z.number().int()),
  release: new Script(RELEASE, z.number().int()),
  drop: new Script(DROP, scanStep),
};

/**
 * Where the slices of a paused batch are: in a set of their own, out of the queue, so that however many there are no worker ever comes
 * across them, and nothing has to look at them again until the batch is resumed. Left in the queue, each would be claimed and sent away
 * every few seconds.
 *
 * Whoever pauses a batch parks what is queued; what workers had claimed, or a producer adds later, is parked by the workers when they come across
 * it, once each. All of it is decided together with the state of the batch, so no slice is left parked in a batch that runs.
 */
export class PausedSlices {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #order: FairOrder;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
    this.#order = new FairOrder(redis, keys);
  }

  /** Parks what is queued of a paused batch. May be repeated. @returns how many slices it has parked */
  async hold(batch: string): Promise<number> {
    const keys = [
      this.#keys.batch(batch),
      this.#keys.queue('prioritized'),
      this.#keys.pausedSlices(batch),
    ];
    return scanAll(async (cursor) =>
      scripts.hold.run(this.#redis, keys, [idPrefix(batch), cursor]),
    );
  }

  /** Parks a slice of a paused batch that its worker has just delayed; queues it if the batch goes on again. */
  async holdOne(batch: string, id: string): Promise<void> {
    const queue = ['delayed', 'prioritized', 'pc', 'marker'].map((part) => this.#keys.queue(part));
    const [delayed = '', ...rest] = queue;
    const keys = [this.#keys.batch(batch), delayed, this.#keys.pausedSlices(batch), ...rest];
    await scripts.holdOne.run(this.#redis, [...keys, this.#keys.queue(id)], [id]);
  }

  /**
   * Queues the parked slices of a batch that was resumed. They take turns as if they were new: with their old places they would all
   * come before everything that others have queued meanwhile.
   *
   * @returns how many there were
   */
  async release(batch: string): Promise<number> {
    const parked = this.#keys.pausedSlices(batch);
    const queue = ['prioritized', 'pc', 'marker'].map((part) => this.#keys.queue(part));
    let released = 0;
    for (;;) {
      const ids = await this.#redis.zrange(parked, 0, String(CHUNK - 1));
      if (ids.length === 0) return released;
      const turns = await this.#order.assign(await this.#read(batch, ids));
      const args = ids.flatMap((id, at) => [id, turns.priorities[at] ?? 1]);
      released += await scripts.release.run(
        this.#redis,
        [parked, ...queue],
        [this.#keys.queue(''), ...args],
      );
      await this.#order.confirm(turns, ids);
    }
  }

  /** Slices that wait for their batch to be resumed. */
  async count(batch: string): Promise<number> {
    return this.#redis.zcard(this.#keys.pausedSlices(batch));
  }

  /** Removes what is queued of a batch that is cancelled or removed. May be repeated. @returns how many slices it has removed */
  async drop(batch: string): Promise<number> {
    const sets = ['prioritized', 'delayed', 'failed'].map((set) => this.#keys.queue(set));
    let dropped = 0;
    for (const set of [this.#keys.pausedSlices(batch), ...sets]) {
      const args = [this.#keys.queue(''), idPrefix(batch)];
      const keys = [this.#keys.batch(batch), set];
      dropped += await scanAll(async (cursor) =>
        scripts.drop.run(this.#redis, keys, [...args, cursor]),
      );
    }
    return dropped;
  }

  async #read(batch: string, ids: readonly string[]): Promise<Slice[]> {
    const texts = await Promise.all(
      ids.map(async (id) => this.#redis.hget(this.#keys.queue(id), 'data')),
    );
    // What cannot be read is queued all the same: the worker that claims it says what is wrong with it.
    return texts.map((text) => readSlice(text) ?? { batch, origin: '', ranges: [], columns: [] });
  }
}
