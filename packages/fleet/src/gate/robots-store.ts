import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';

/** Long enough for one fetch of robots.txt; a worker that dies meanwhile is followed by another. */
const CLAIM_MS = 30_000;

const schema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('rules'), text: z.string() }),
  z.object({ kind: z.literal('allow-all') }),
  /** Unreachable `tries` times so far: to be asked again at `againAt`. */
  z.object({
    kind: z.literal('wait'),
    tries: z.number(),
    againAt: z.number(),
    reason: z.string(),
  }),
]);

/** What the fleet knows of an origin's robots.txt. Instants are epoch milliseconds by the clock of Redis. */
export type StoredRobots = z.infer<typeof schema>;

/** robots.txt of every origin, fetched by one worker for the whole fleet. */
export class RobotsStore {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** What is known, and what time it is; undefined where nothing is. */
  async read(
    origin: string,
  ): Promise<{ readonly known: StoredRobots | undefined; readonly now: number }> {
    const [text, [seconds, micros]] = await Promise.all([
      this.#redis.get(this.#keys.robots(origin)),
      this.#redis.time(),
    ]);
    const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    return { known: text === null ? undefined : schema.parse(JSON.parse(text)), now };
  }

  /** Whether the caller is the one who fetches it now. */
  async claim(origin: string, worker: string): Promise<boolean> {
    const key = `${this.#keys.robots(origin)}:fetching`;
    return (await this.#redis.set(key, worker, 'PX', CLAIM_MS, 'NX')) === 'OK';
  }

  async write(origin: string, robots: StoredRobots, ttlMs: number): Promise<void> {
    await this.#redis.set(this.#keys.robots(origin), JSON.stringify(robots), 'PX', ttlMs);
    await this.release(origin);
  }

  async release(origin: string): Promise<void> {
    await this.#redis.del(`${this.#keys.robots(origin)}:fetching`);
  }
}
