import { type FleetKeys, ScheduleLists, ScheduleQueue, Schedules } from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';

/** How a command reaches schedules. */
export class ScheduleAccess {
  readonly ledger: Schedules;
  readonly lists: ScheduleLists;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  #queue: ScheduleQueue | undefined;

  constructor(redis: Redis, keys: FleetKeys) {
    this.ledger = new Schedules(redis, keys);
    this.lists = new ScheduleLists(redis, keys);
    this.#redis = redis;
    this.#keys = keys;
  }

  get queue(): ScheduleQueue {
    this.#queue ??= new ScheduleQueue(this.#redis, this.#keys);
    return this.#queue;
  }

  async stop(): Promise<void> {
    await this.#queue?.stop();
  }
}
