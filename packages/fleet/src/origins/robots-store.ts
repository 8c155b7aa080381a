import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { callWhenFull } from '../redis/script.ts';
import { instantMs, passOver } from '../redis/stored-state.ts';
import { timeOf } from '../redis/servers.ts';

/**
 * Longer than one fetch of robots.txt takes; after it another worker may take over from one that
 * died.
 */
const CLAIM_MS = 30_000;

/** RFC 9309, 2.4: the longest time a cached robots.txt should be used. */
export const ROBOTS_KEPT_MS = 24 * 3_600_000;

/** Unreachable, `tries` times in a row: fetch it again at `againAt`. */
export const waitingRobots = z.object({
  kind: z.literal('wait'),
  tries: z.number(),
  againAt: instantMs,
  reason: z.string(),
  /** Since when it has been unreachable. Version 0.1 does not write it. */
  since: z.number().optional(),
  /** The origin itself is down. Absent: it answers, but not with a robots.txt. */
  isDown: z.boolean().optional(),
});

const schema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('rules'), text: z.string() }),
  z.object({ kind: z.literal('allow-all') }),
  waitingRobots,
]);

/** robots.txt of an origin as the fleet knows it. Instants are epoch ms by the clock of Redis. */
export type StoredRobots = z.infer<typeof schema>;

function parse(text: string | null): StoredRobots | undefined {
  return text === null ? undefined : schema.parse(JSON.parse(text));
}

/** Shares the robots.txt of every origin: one worker fetches it for the whole fleet. */
export class RobotsStore {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** The stored entry, undefined if there is none, and the time of Redis. */
  async read(
    origin: string,
  ): Promise<{ readonly known: StoredRobots | undefined; readonly now: number }> {
    const stored = this.#redis.get(this.#keys.robots(origin)).then(parse);
    const [known, now] = await Promise.all([
      // What is not valid is not known: it is fetched again, and written over.
      passOver(`robots.txt of ${origin}`, stored, () => undefined),
      timeOf(this.#redis, this.#keys.robots(origin)),
    ]);
    return { known, now: Math.floor(now) };
  }

  /** Returns whether the caller may fetch it now. The claim expires after 30 s. */
  async claim(origin: string, worker: string): Promise<boolean> {
    const key = `${this.#keys.robots(origin)}:fetching`;
    return (await callWhenFull(this.#redis, 'SET', key, worker, 'PX', CLAIM_MS, 'NX')) === 'OK';
  }

  /** Keeps it for 24 h. */
  async write(origin: string, robots: StoredRobots): Promise<void> {
    const text = JSON.stringify(robots);
    await callWhenFull(this.#redis, 'SET', this.#keys.robots(origin), text, 'PX', ROBOTS_KEPT_MS);
    await this.release(origin);
  }

  async release(origin: string): Promise<void> {
    await this.#redis.del(`${this.#keys.robots(origin)}:fetching`);
  }
}
