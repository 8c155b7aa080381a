import type { Rate } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { type OriginStatus, originStatusFromFields } from './origin-status.ts';
import { SEEN } from './origins.lua.ts';
import { Script } from '../redis/script.ts';

const scripts = {
  seen: new Script(SEEN, z.number()),
};

/** An origin that no worker has worked on for this long is not listed any more. */
const FORGET_S = 24 * 60 * 60;
/** The latest, so that a crawl of a million hosts leaves no million names in Redis. */
const MAX_KNOWN = 10_000;
/** Origins read or written in one go: bounds what lies in buffers. */
const CHUNK = 500;

/** What a person sets for an origin. What is left out stays as it is. */
export interface OriginSettings {
  readonly rate?: Rate | 'unlimited';
  /** At least 1. */
  readonly burst?: number;
  /** Fetches in flight over the whole fleet, at least 1. */
  readonly concurrency?: number | 'unlimited';
}

/**
 * What the gate knows of origins, and the limits that people set for them. These come before the limits of every crawl file, have no
 * expiry, and hold from the next time any worker asks the gate, which while it works on the origin it does several times a second.
 */
export class Origins {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Those of which the gate knows anything, by name.
   *
   * @param only default: all that were worked on within a day, and all that have settings
   */
  async list(only?: readonly string[]): Promise<OriginStatus[]> {
    const origins = [...new Set(only ?? (await this.#known()))].toSorted();
    const found: OriginStatus[] = [];
    for (let at = 0; at < origins.length; at += CHUNK) {
      found.push(...(await this.#read(origins.slice(at, at + CHUNK))));
    }
    return found;
  }

  /** Undefined where the gate knows nothing of it: nobody has asked of late, and nothing is set. */
  async status(origin: string): Promise<OriginStatus | undefined> {
    const [status] = await this.#read([origin]);
    return status;
  }

  /** Sets limits, also of an origin that nobody has worked on yet. They hold until they are unset. */
  async set(origin: string, settings: OriginSettings): Promise<void> {
    const fields = settingFields(settings);
    if (fields.length === 0) return;
    // First the name: settings that are listed in vain do no harm, settings that hold unseen would.
    await this.#redis.sadd(this.#keys.originsWithSettings, origin);
    await this.#redis.hset(this.#keys.gateSettings(origin), ...fields);
    await this.#redis.publish(this.#keys.gateNotifications, origin);
  }

  /** From here on the crawl files decide again. Tells whether anything was set. */
  async unset(origin: string): Promise<boolean> {
    const existed = await this.#redis.del(this.#keys.gateSettings(origin));
    await this.#redis.srem(this.#keys.originsWithSettings, origin);
    await this.#redis.publish(this.#keys.gateNotifications, origin);
    return existed === 1;
  }

  /** A worker works on these just now. */
  async seen(origins: readonly string[]): Promise<void> {
    for (let at = 0; at < origins.length; at += CHUNK) {
      const some = origins.slice(at, at + CHUNK);
      await scripts.seen.run(this.#redis, [this.#keys.origins], [MAX_KNOWN, ...some]);
    }
  }

  async #known(): Promise<string[]> {
    const [seconds] = await this.#redis.time();
    const before = Number(seconds) - FORGET_S;
    const [, seen, withSettings] = await Promise.all([
      this.#redis.zremrangebyscore(this.#keys.origins, '-inf', `(${before}`),
      this.#redis.zrange(this.#keys.origins, 0, '-1'),
      this.#redis.smembers(this.#keys.originsWithSettings),
    ]);
    return [...seen, ...withSettings];
  }

  /** The client sends as one pipeline what is asked for together. */
  async #read(origins: readonly string[]): Promise<OriginStatus[]> {
    const hashes = origins.map(async (origin) =>
      Promise.all([
        this.#redis.hgetall(this.#keys.gate(origin)),
        this.#redis.hgetall(this.#keys.gateSettings(origin)),
      ]),
    );
    const [[seconds, micros], ...read] = await Promise.all([this.#redis.time(), ...hashes]);
    const nowUs = Number(seconds) * 1e6 + Number(micros);
    return origins.flatMap((origin, at) => {
      const [gate = {}, settings = {}] = read[at] ?? [];
      const isKnown = Object.keys(gate).length > 0 || Object.keys(settings).length > 0;
      return isKnown ? [originStatusFromFields(origin, gate, settings, nowUs)] : [];
    });
  }
}

function settingFields({ rate, burst, concurrency }: OriginSettings): (string | number)[] {
  const interval =
    rate === undefined || rate === 'unlimited' ? 0 : (rate.perMs * 1000) / rate.count;
  return [
    ...(rate === undefined ? [] : ['interval', interval]),
    ...(burst === undefined ? [] : ['burst', burst]),
    ...(concurrency === undefined
      ? []
      : ['concurrency', concurrency === 'unlimited' ? 0 : concurrency]),
  ];
}
