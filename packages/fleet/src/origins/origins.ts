import { isOrigin } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { callWhenFull, DocumentScript } from '../redis/script.ts';
import { type OnPassedOver, passOver, validIds } from '../redis/stored-state.ts';
import { timeOf } from '../redis/servers.ts';
import {
  changeOrigin,
  type OriginChange,
  type OriginSettings,
  settingFields,
  settingsText,
} from './change-origin.ts';
import { INSPECT } from './inspect.lua.ts';
import { type OriginDetail, readOriginDetail } from './origin-detail.ts';
import { type OriginStatus, originStatus } from './origin-status.ts';
import { markActive, type OriginHour, type OriginWork, workOfLastHour } from './origin-work.ts';
import { inspectReply } from '../gate/protocol.ts';

const scripts = {
  inspect: new DocumentScript<undefined, typeof inspectReply>(INSPECT, inspectReply),
};

/** Origins that no worker has worked on for this long are not listed. */
const FORGET_S = 24 * 60 * 60;
/** Names kept, the latest ones: bounds the memory that a crawl of many hosts takes. */
const MAX_KNOWN = 10_000;
/** Origins in one pipeline: bounds the buffers. */
const CHUNK = 500;

/**
 * What the gate knows of origins, and the limits that people set for them. These override the
 * limits of every crawl file, do not expire, and hold from the next exchange of any worker on.
 */
export class Origins {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #onPassedOver: OnPassedOver;
  readonly #by: string;

  /** @param by who changes origins, for their history: `ann@host` */
  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
    by = '',
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#onPassedOver = onPassedOver;
    this.#by = by;
  }

  /**
   * The origins that the gate knows, by name. One round trip for every 500.
   *
   * @param only @default all that were worked on within a day, and all that have limits set
   */
  async list(only?: readonly string[]): Promise<OriginStatus[]> {
    const names = [...new Set(only ?? (await this.#known()))].toSorted();
    const ids = { noun: 'an origin', isId: isOrigin };
    const origins = validIds(names, ids, this.#onPassedOver);
    const found: OriginStatus[] = [];
    for (let at = 0; at < origins.length; at += CHUNK) {
      found.push(...(await this.#inspect(origins.slice(at, at + CHUNK))));
    }
    return found;
  }

  /**
   * The origins that are down or blocked and at which a batch waits: its fetches wait there in the
   * waitlist, or have asked within the last minute.
   */
  async holding(batch: string): Promise<OriginStatus[]> {
    const shut = (await this.list()).filter(
      ({ breaker, blockedMs }) => breaker !== 'closed' || blockedMs !== undefined,
    );
    const some = shut.slice(0, CHUNK);
    const areHolding = await Promise.all(some.map(async ({ origin }) => this.#isAt(batch, origin)));
    return some.filter((_, at) => areHolding[at] === true);
  }

  /**
   * Names of the origins that workers worked on last, the latest first, and of those with limits
   * set, at most as many of each.
   */
  async latest(limit: number): Promise<string[]> {
    const active = this.#redis.zrevrange(this.#keys.origins, 0, limit - 1);
    const withSettings = this.#redis.sscan(this.#keys.originsWithSettings, 0, 'COUNT', limit);
    const [names, scanned] = await Promise.all([
      passOver('the list of origins', active, this.#onPassedOver),
      passOver('the list of origins with settings', withSettings, this.#onPassedOver),
    ]);
    return [...new Set([...(names ?? []), ...(scanned?.[1] ?? []).slice(0, limit)])];
  }

  /** Those of some origins that a batch works on, or waits at. */
  async usedBy(batch: string, origins: readonly string[]): Promise<string[]> {
    const areUsed = await Promise.all(origins.map(async (origin) => this.#isAt(batch, origin)));
    return origins.filter((_, at) => areUsed[at] === true);
  }

  /** Undefined where no worker has asked within half an hour and no limit is set. */
  async status(origin: string): Promise<OriginStatus | undefined> {
    const [status] = await this.#inspect([origin]);
    return status;
  }

  /**
   * Sets limits, also of an origin that no worker has worked on yet. They hold until they are
   * unset.
   */
  async set(origin: string, settings: OriginSettings): Promise<void> {
    const fields = settingFields(settings);
    if (fields.length === 0) {
      return;
    }
    // The name comes first: a name without limits does no harm, limits that nobody can list would.
    await callWhenFull(this.#redis, 'SADD', this.#keys.originsWithSettings, origin);
    const text = settingsText(settings);
    await changeOrigin(this.#fleet, origin, { change: 'set', fields, text, by: this.#by });
  }

  /**
   * Removes all limits that were set: those of the crawl files hold again. Returns whether any was
   * set.
   */
  async unset(origin: string): Promise<boolean> {
    const { changed } = await changeOrigin(this.#fleet, origin, { change: 'unset', by: this.#by });
    await this.#redis.srem(this.#keys.originsWithSettings, origin);
    return changed;
  }

  /** Forgets the rate and the concurrency that the fleet has learned of an origin. */
  async forget(origin: string): Promise<void> {
    await changeOrigin(this.#fleet, origin, { change: 'forgotten', by: this.#by });
  }

  /**
   * Ends what keeps an origin shut: a block, an open breaker, the wait for a robots.txt that could
   * not be had. The next fetch there is a probe; somebody has to wake it: see `tryOrigin`.
   */
  async tryNow(origin: string): Promise<OriginChange['ended']> {
    const { ended } = await changeOrigin(this.#fleet, origin, { change: 'tried', by: this.#by });
    return ended;
  }

  /** History, batches and robots.txt of an origin. One round trip. */
  async detail(origin: string): Promise<OriginDetail> {
    return readOriginDetail(this.#fleet, origin, this.#onPassedOver);
  }

  /**
   * Records that a worker works on these origins now.
   *
   * @param work what it has done there since it said so last. @default nothing
   */
  async markActive(
    origins: readonly string[],
    work: ReadonlyMap<string, OriginWork> = new Map(),
  ): Promise<void> {
    for (let at = 0; at < origins.length; at += CHUNK) {
      const some = origins.slice(at, at + CHUNK);
      await markActive(this.#fleet, some, { work, keep: MAX_KNOWN });
    }
  }

  /** What was fetched at some origins in the last hour. One round trip for every 500. */
  async lastHour(origins: readonly string[]): Promise<ReadonlyMap<string, OriginHour>> {
    const found: [string, OriginHour][] = [];
    for (let at = 0; at < origins.length; at += CHUNK) {
      found.push(...(await workOfLastHour(this.#fleet, origins.slice(at, at + CHUNK))));
    }
    return new Map(found);
  }

  get #fleet() {
    return { redis: this.#redis, keys: this.#keys };
  }

  /** Its limits are there while it asks, its last ticket while it has slices in the waitlist. */
  async #isAt(batch: string, origin: string): Promise<boolean> {
    const fields = [`limits:${batch}`, `flow:${batch}`];
    const read = this.#redis.hmget(this.#keys.gate(origin), ...fields);
    const found = (await this.#passOver(origin, read)) ?? [];
    return found.some((value) => value !== null);
  }

  async #known(): Promise<string[]> {
    const now = await timeOf(this.#redis, this.#keys.origins);
    const before = Math.floor(now / 1_000) - FORGET_S;
    const active = Promise.all([
      this.#redis.zremrangebyscore(this.#keys.origins, '-inf', `(${before}`),
      this.#redis.zrange(this.#keys.origins, 0, '-1'),
    ]).then(([, names]) => names);
    const withSettings = this.#redis.smembers(this.#keys.originsWithSettings);
    const found = await Promise.all([
      passOver('the list of origins', active, this.#onPassedOver),
      passOver('the list of origins with settings', withSettings, this.#onPassedOver),
    ]);
    return found.flatMap((names) => names ?? []);
  }

  async #passOver<T>(origin: string, read: Promise<T>): Promise<T | undefined> {
    return passOver(`origin ${origin}`, read, this.#onPassedOver);
  }

  /** The client sends calls of the same tick as one pipeline. */
  async #inspect(origins: readonly string[]): Promise<OriginStatus[]> {
    const found = await Promise.all(
      origins.map(async (origin) => {
        const fleet = this.#keys;
        const gate = [fleet.gate(origin), fleet.gateSettings(origin), fleet.waitlist(origin)];
        const keys = [...gate, fleet.robots(origin)];
        const read = scripts.inspect.run(this.#redis, keys, undefined);
        const inspected = (await this.#passOver(origin, read)) ?? null;
        return inspected === null ? [] : [originStatus(origin, inspected)];
      }),
    );
    return found.flat();
  }
}
