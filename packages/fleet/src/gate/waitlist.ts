import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { type LeaveDocument, leaveReply } from './protocol.ts';
import { LEAVE } from './waitlist.lua.ts';

const leave = new DocumentScript<LeaveDocument, typeof leaveReply>(LEAVE, leaveReply);

/** Members read in one step: bounds the time of a step. */
const CHUNK = 1_000;
/** Origins that a batch leaves at the same time: bounds the buffers. */
const MAX_ORIGINS = 100;

/**
 * The waitlists of all origins, and how slices leave them that will not come. Slices that are woken
 * or come by themselves leave with an exchange.
 */
export class Waitlist {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Whether a slice is in the waitlist, which it leaves when it is woken. */
  async isDeferred(origin: string, slice: string): Promise<boolean> {
    return (await this.#redis.zscore(this.#keys.waitlist(origin), slice)) !== null;
  }

  /** Those of some slices that are not in the waitlist. */
  async others(origin: string, slices: readonly string[]): Promise<string[]> {
    if (slices.length === 0) {
      return [];
    }
    const places = await this.#redis.zmscore(this.#keys.waitlist(origin), ...slices);
    return slices.filter((_, at) => places[at] === null);
  }

  /** The next slices in the order of their turns, 1,000 at most. */
  async next(origin: string): Promise<string[]> {
    return this.#redis.zrange(this.#keys.waitlist(origin), 0, String(CHUNK - 1));
  }

  /** Takes slices out. The gate no longer counts on those that it has woken. */
  async leave(origin: string, slices: readonly string[]): Promise<void> {
    if (slices.length > 0) {
      await leave.run(this.#redis, this.#keysOf(origin), { slices });
    }
  }

  /** Overdue slices are in the queue: the gate does not name them again. */
  async markQueued(origin: string, slices: readonly string[]): Promise<void> {
    if (slices.length > 0) {
      await leave.run(this.#redis, this.#keysOf(origin), { queued: slices });
    }
  }

  /** Takes out all slices of a batch that does not go on, and the limits of its crawl file. */
  async leaveBatch(batch: string, origins: readonly string[]): Promise<void> {
    for (let at = 0; at < origins.length; at += MAX_ORIGINS) {
      const some = origins.slice(at, at + MAX_ORIGINS);
      await Promise.all(some.map(async (origin) => this.#leaveOrigin(batch, origin)));
    }
  }

  async #leaveOrigin(batch: string, origin: string): Promise<void> {
    await leave.run(this.#redis, this.#keysOf(origin), { batch });
    let cursor = '0';
    do {
      // No character of a batch id has a meaning in a pattern.
      const match = ['MATCH', `${batch}.*`, 'COUNT', CHUNK] as const;
      const [next, found] = await this.#redis.zscan(this.#keys.waitlist(origin), cursor, ...match);
      // Members and their scores take turns.
      const slices = found.filter((_, i) => i % 2 === 0);
      await this.leave(origin, slices);
      cursor = next;
    } while (cursor !== '0');
  }

  #keysOf(origin: string): string[] {
    const keys = this.#keys;
    return [keys.gate(origin), keys.gateSettings(origin), keys.waitlist(origin)];
  }
}
