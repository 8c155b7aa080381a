import {
  type FleetKeys,
  type OnPassedOver,
  ScheduleLists,
  ScheduleStore,
  TickQueue,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';

/** What a command reaches of schedules. The queue is only opened by commands that use it. */
export class ScheduleAccess {
  readonly ledger: ScheduleStore;
  readonly lists: ScheduleLists;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  #queue: TickQueue | undefined;

  constructor(redis: Redis, keys: FleetKeys, onPassedOver: OnPassedOver) {
    this.ledger = new ScheduleStore(redis, keys, { onPassedOver });
    this.lists = new ScheduleLists(redis, keys);
    this.#redis = redis;
    this.#keys = keys;
  }

  get queue(): TickQueue {
    this.#queue ??= new TickQueue(this.#redis, this.#keys);
    return this.#queue;
  }

  async stop(): Promise<void> {
    await this.#queue?.stop();
  }
}
