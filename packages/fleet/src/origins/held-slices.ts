import { type Slice, unpackSlice } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Waitlist } from '../gate/waitlist.ts';
import { readSlice } from '../queue/slice-scan.ts';
import { CHANGE_DELAYED, FIND_DELAYED } from '../queue/slice-sets.lua.ts';
import type { FleetKeys, ShardKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { timeOf } from '../redis/servers.ts';

/** Delayed slices that are read in one step, and in all steps of a search. */
const STEP = 1_000;
const MAX_SEARCHED = 50_000;
/** Slices that are woken. Later ones come when they are due. */
const MAX_WOKEN = 500;

const scripts = {
  find: new Script(FIND_DELAYED, z.tuple([z.number(), z.array(z.string())])),
  change: new Script(CHANGE_DELAYED, z.number()),
};

/**
 * Slices that an origin holds up by a time of their own, in its waitlist or not: that of a
 * robots.txt that could not be had, or the Retry-After that their fetches were answered with.
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

  /**
   * What the origin has refused is due now, and slices that are not in the waitlist are queued, at
   * most 500. Those in the waitlist come in their turn. Fetches that failed keep the time of their
   * next attempt.
   *
   * @returns how many were queued
   */
  async wake(origin: string): Promise<number> {
    // As workers stamp what is due: the clock of this machine may be wrong.
    const nowMs = await timeOf(this.#redis, this.#keys.home.queue('wait'));
    let woken = 0;
    for (const shard of this.#keys.shards) {
      woken += await this.#wakeIn(shard, origin, { most: MAX_WOKEN - woken, nowMs });
    }
    return woken;
  }

  async #wakeIn(
    shard: ShardKeys,
    origin: string,
    { most, nowMs }: { readonly most: number; readonly nowMs: number },
  ): Promise<number> {
    let woken = 0;
    for (let at = 0; at < MAX_SEARCHED; at += STEP) {
      // Those that are woken leave the set: what has come in their place is looked at later.
      const [looked, found] = await this.#find(shard, origin, at - woken);
      const others = new Set(await this.#waitlist.others(origin, found));
      // First those that stay: a fetch of one that is queued may be answered at once, and then the
      // gate wakes them.
      const stay = found.filter((id) => !others.has(id));
      await Promise.all(stay.map(async (id) => this.#change(id, 'stays', nowMs)));
      const ids = [...others].slice(0, most - woken);
      const areWoken = await Promise.all(ids.map(async (id) => this.#change(id, 'queued', nowMs)));
      woken += areWoken.filter(Boolean).length;
      if (looked < STEP) {
        break;
      }
    }
    return woken;
  }

  async #find({ queue }: ShardKeys, origin: string, from: number): Promise<[number, string[]]> {
    // In the JSON of a slice a quote inside a string is escaped.
    const text = `"origin":${JSON.stringify(origin)}`;
    const range = [from, from + STEP - 1];
    return scripts.find.run(this.#redis, [queue('delayed')], [queue(''), text, ...range]);
  }

  async #change(id: string, what: 'stays' | 'queued', nowMs: number): Promise<boolean> {
    const { queue } = this.#keys.shardOfSlice(id);
    const text = await this.#redis.hget(queue(id), 'data');
    const slice = readSlice(text);
    const isWanted = what === 'queued' ? isHeld : isRefused;
    if (text === null || slice === undefined || !isWanted(slice, nowMs)) {
      return false;
    }
    const sets = ['delayed', 'prioritized', 'pc', 'marker', id].map(queue);
    const args = [id, text, dueNow(slice), what === 'queued' ? 1 : 0];
    return (await scripts.change.run(this.#redis, sets, args)) === 1;
  }
}

/** It has fetches that are due, or that the origin has refused. */
function isHeld(slice: Slice, nowMs: number): boolean {
  return isRefused(slice, nowMs) || unpackSlice(slice).some(({ dueAt }) => dueAt <= nowMs);
}

/** It has fetches that the origin has refused until a time that is to come. */
function isRefused({ state = [] }: Slice, nowMs: number): boolean {
  return state.some(([, , dueAt, throttledSince]) => throttledSince > 0 && dueAt > nowMs);
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
