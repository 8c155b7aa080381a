import type { Plan, Slice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { ShardKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { FlowFinishTimes } from './flow-finish-times.ts';
import { LOWER_LATE, READ_CLOCK } from './virtual-clock.lua.ts';

const integer = z.number().int();
const scripts = {
  read: new Script(READ_CLOCK, z.tuple([integer, integer])),
  lowerLate: new Script(LOWER_LATE, integer),
};

/** BullMQ's priorities run from 1 (first) to this one. */
const MAX_PRIORITY = 2_097_151;

/** How many turns a flow has while a usual one has one. */
const SHARES = { low: 1 / 4, high: 4 } as const;
/** Batches that are queued at the same time by one process; the oldest is forgotten first. */
const MAX_SHARES = 1_000;

/** In which order slices are claimed: 1 first. Priorities count from `baseEpoch`. */
export interface AssignedPriorities {
  readonly baseEpoch: number;
  readonly priorities: readonly number[];
}

/**
 * The producer's side of fair queueing: gives every slice a BullMQ priority among those of all
 * batches and origins. However long the backlog of other flows is, the next 50 fetches of a flow
 * are at most one turn of each other flow away.
 *
 * A priority is a virtual finish time minus the base epoch. Virtual time grows for ever, so the
 * clock in Redis raises the base when nothing is queued, or when half the range is used up. A flow
 * with more than the whole range queued (100 million fetches) has the rest at the last priority:
 * first come, first served, until the base is raised.
 */
export class SlicePriorities {
  readonly #redis: Redis;
  readonly #keys: ShardKeys;
  readonly #maxPriority: number;
  readonly #flows = new FlowFinishTimes();
  /** Of batches that do not have the usual one. */
  readonly #shares = new Map<string, number>();
  #baseEpoch = 0;

  /** @param maxPriority the last priority. @default 2,097,151 */
  constructor(redis: Redis, keys: ShardKeys, maxPriority = MAX_PRIORITY) {
    this.#redis = redis;
    this.#keys = keys;
    this.#maxPriority = maxPriority;
  }

  /** Call it before slices of the batch are queued: those that are queued keep their place. */
  setShare(batch: string, priority: Plan['priority']): void {
    this.#shares.delete(batch);
    if (priority !== undefined) {
      this.#shares.set(batch, SHARES[priority]);
    }
    const [oldest] = this.#shares.keys();
    if (this.#shares.size > MAX_SHARES && oldest !== undefined) {
      this.#shares.delete(oldest);
    }
  }

  /** One round trip, however many slices. */
  async assign(slices: readonly Slice[]): Promise<AssignedPriorities> {
    const { baseEpoch, now } = await this.#readClock();
    // A Redis that lost its data starts at 0 again: the kept finish times are far in its future.
    if (baseEpoch < this.#baseEpoch) {
      this.#flows.clear();
    }
    this.#baseEpoch = baseEpoch;
    const time = baseEpoch + now;
    this.#flows.forget(time);
    const priorities = slices.map((slice) => {
      const { batch, origin } = slice;
      const cost = fetchCount(slice) / (this.#shares.get(batch) ?? 1);
      const finish = this.#flows.next(batch, origin, cost, time);
      return Math.min(this.#maxPriority, Math.max(1, Math.ceil(finish - baseEpoch)));
    });
    return { baseEpoch, priorities };
  }

  /**
   * Call it when the slices have been added. If the base was raised after their priorities were
   * assigned, lowers them as all others were lowered.
   */
  async confirm(
    { baseEpoch, priorities }: AssignedPriorities,
    ids: readonly string[],
  ): Promise<void> {
    const current = Number((await this.#redis.hget(this.#keys.virtualClock, 'base')) ?? 0);
    const raisedBy = current - baseEpoch;
    if (raisedBy <= 0) {
      return;
    }
    const args = ids.flatMap((id, i) => [id, priorities[i] ?? 1]);
    const keys = [this.#keys.queue('prioritized')];
    await scripts.lowerLate.run(this.#redis, keys, [this.#keys.queue(''), raisedBy, ...args]);
  }

  async #readClock(): Promise<{ readonly baseEpoch: number; readonly now: number }> {
    const sets = ['wait', 'active', 'prioritized', 'delayed'].map((set) => this.#keys.queue(set));
    const [baseEpoch, now] = await scripts.read.run(
      this.#redis,
      [this.#keys.virtualClock, ...sets],
      [this.#keys.queue(''), Math.ceil(this.#maxPriority / 2)],
    );
    return { baseEpoch, now };
  }
}

function fetchCount({ ranges }: Slice): number {
  return ranges.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
}
