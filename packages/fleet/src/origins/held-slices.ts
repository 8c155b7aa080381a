import { type Slice, unpackSlice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Waitlist } from '../gate/waitlist.ts';
import { readSlice } from '../queue/slice-scan.ts';
import { FIND_DELAYED, WAKE_CHANGED } from '../queue/slice-sets.lua.ts';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';

/** Delayed slices that are read in one step, and in all steps of a search. */
const STEP = 1_000;
const MAX_SEARCHED = 50_000;
/** Slices that are woken. Later ones come when they are due. */
const MAX_WOKEN = 500;

const scripts = {
  find: new Script(FIND_DELAYED, z.tuple([z.number(), z.array(z.string())])),
  wake: new Script(WAKE_CHANGED, z.number()),
};

/**
 * Slices that an origin holds up without being in its waitlist, because they wait for a time of
 * their own: that of a robots.txt that could not be had, or the Retry-After that their fetches were
 * answered with.
 */
export class HeldSlices {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #waitlist: Waitlist;

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#waitlist = new Waitlist(redis, keys);
  }

  /** Queues them now, at most 500. Fetches that failed keep the time of their next attempt. */
  async wake(origin: string): Promise<number> {
    let woken = 0;
    for (let at = 0; at < MAX_SEARCHED && woken < MAX_WOKEN; at += STEP) {
      // Those that are woken leave the set: what has come in their place is looked at later.
      const [looked, found] = await this.#find(origin, at - woken);
      const ids = await this.#waitlist.others(origin, found);
      const areWoken = await Promise.all(
        ids.slice(0, MAX_WOKEN - woken).map(async (id) => this.#wakeOne(id)),
      );
      woken += areWoken.filter(Boolean).length;
      if (looked < STEP) {
        break;
      }
    }
    return woken;
  }

  async #find(origin: string, from: number): Promise<[number, string[]]> {
    // In the JSON of a slice a quote inside a string is escaped.
    const text = `"origin":${JSON.stringify(origin)}`;
    const range = [from, from + STEP - 1];
    const keys = [this.#keys.queue('delayed')];
    return scripts.find.run(this.#redis, keys, [this.#keys.queue(''), text, ...range]);
  }

  async #wakeOne(id: string): Promise<boolean> {
    const text = await this.#redis.hget(this.#keys.queue(id), 'data');
    const slice = readSlice(text);
    if (text === null || slice === undefined || !isHeld(slice)) {
      return false;
    }
    const sets = ['delayed', 'prioritized', 'pc', 'marker', id].map((part) =>
      this.#keys.queue(part),
    );
    return (await scripts.wake.run(this.#redis, sets, [id, text, dueNow(slice)])) === 1;
  }
}

/** It has fetches that are due, or that the origin has refused. */
function isHeld(slice: Slice): boolean {
  const now = Date.now();
  return unpackSlice(slice).some(({ dueAt, throttledSince }) => throttledSince > 0 || dueAt <= now);
}

/** Its text, where what the origin has refused is due. How long it has waited stays. */
function dueNow(slice: Slice): string {
  const state = slice.state?.map(([position, attempts, dueAt, throttledSince]) => [
    position,
    attempts,
    throttledSince > 0 ? 0 : dueAt,
    throttledSince,
  ]);
  return JSON.stringify({ ...slice, ...(state !== undefined && { state }) });
}
