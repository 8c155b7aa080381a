import type { Slice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { LOWER_LATE, READ_CLOCK } from './fair-clock.lua.ts';
import { FairFlows } from './fair-flows.ts';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';

const integer = z.number().int();
const scripts = {
  read: new Script(READ_CLOCK, z.tuple([integer, integer])),
  lowerLate: new Script(LOWER_LATE, integer),
};

/** BullMQ knows 1 (first) to this one. */
const MAX_PRIORITY = 2_097_151;

/** When slices are to be claimed: 1 first. Priorities count from `base`, see {@link FairOrder}. */
export interface Turns {
  readonly base: number;
  readonly priorities: readonly number[];
}

/**
 * The producer's side of taking turns: gives every slice its place among those of all batches and origins, as a BullMQ priority. Whatever
 * the backlog of the others, the next 50 fetches of a flow are at most one turn of each other flow away.
 *
 * Tags are virtual times, which grow for ever; priorities are tags less `base`, which the clock in Redis raises when nothing is
 * queued, or when half the range is used up. A flow with more than the whole range ahead of it (100 million fetches) has the rest of them
 * at the last priority: first come, first served, until the range moves on.
 */
export class FairOrder {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #maxPriority: number;
  readonly #flows = new FairFlows();
  #base = 0;

  /** @param maxPriority the last place that there is. @default 2,097,151 */
  constructor(redis: Redis, keys: FleetKeys, maxPriority = MAX_PRIORITY) {
    this.#redis = redis;
    this.#keys = keys;
    this.#maxPriority = maxPriority;
  }

  /** One round trip, however many slices. */
  async assign(slices: readonly Slice[]): Promise<Turns> {
    const { base, now } = await this.#read();
    // A Redis that lost its memory begins at 0 again; what is remembered here would be far in its future.
    if (base < this.#base) this.#flows.clear();
    this.#base = base;
    const time = base + now;
    this.#flows.forget(time);
    const priorities = slices.map((slice) => {
      const finish = this.#flows.next(slice.batch, slice.origin, fetchCount(slice), time);
      return Math.min(this.#maxPriority, Math.max(1, Math.ceil(finish - base)));
    });
    return { base, priorities };
  }

  /**
   * To be called when slices have been added: if the base was raised after their turns were assigned, they are lowered as all
   * others were.
   */
  async confirm({ base, priorities }: Turns, ids: readonly string[]): Promise<void> {
    const raisedBy = Number((await this.#redis.hget(this.#keys.fairClock, 'base')) ?? 0) - base;
    if (raisedBy <= 0) return;
    const args = ids.flatMap((id, i) => [id, priorities[i] ?? 1]);
    const keys = [this.#keys.queue('prioritized')];
    await scripts.lowerLate.run(this.#redis, keys, [this.#keys.queue(''), raisedBy, ...args]);
  }

  async #read(): Promise<{ readonly base: number; readonly now: number }> {
    const sets = ['wait', 'active', 'prioritized', 'delayed'].map((set) => this.#keys.queue(set));
    const [base, now] = await scripts.read.run(
      this.#redis,
      [this.#keys.fairClock, ...sets],
      [this.#keys.queue(''), Math.ceil(this.#maxPriority / 2)],
    );
    return { base, now };
  }
}

function fetchCount({ ranges }: Slice): number {
  return ranges.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
}
