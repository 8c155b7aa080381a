import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Every, everyAlone } from '../redis/every.ts';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { MAX_SHARDS } from '../redis/shard-names.ts';
import { readStored } from '../redis/stored-state.ts';
import { withTimeout } from '../redis/with-timeout.ts';

/** Between two looks whether a fleet has got its number of shards. */
const LOOK_MS = 2_000;
/** A process that shows the fleet does not begin with half of it. */
const FIRST_LOOK_MS = 1_000;

const shardCount = z.coerce.number().int().min(1).max(MAX_SHARDS);

/** A process wants another number of shards than the fleet has. */
export class ShardsError extends Error {
  override readonly name = 'ShardsError';
  readonly code = 'SHARDS_DIFFER';
}

/**
 * Sets the number of shards, once in the life of a fleet. A fleet that has begun without a number
 * has one shard: its schedules would be looked for elsewhere.
 *
 * KEYS     number of shards · batches ZSET · ids of schedules SET · removals HASH, all of shard 0
 * ARGV     number
 * Returns  how many shards the fleet has
 * Atomic   two processes must not set different numbers
 */
const SET_SHARDS = `
local count = redis.call('GET', KEYS[1])
if count then return count end
if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 then return '1' end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
`;

const script = new Script(SET_SHARDS, z.string());

/**
 * Learns how many shards the fleet has.
 *
 * @param wanted how many it is to have; the first who wants a number sets it. @default any
 * @throws ShardsError if it has another number
 */
export async function readShards(redis: Redis, keys: FleetKeys, wanted?: number): Promise<void> {
  const asked = wanted === undefined ? redis.get(keys.shardCount) : set(redis, keys, wanted);
  const count = await parsed(asked);
  if (wanted !== undefined && wanted !== count) {
    throw new ShardsError(
      `${wanted} shards are wanted (--shards, FETCHFLEET_SHARDS), but this fleet has ${count}: ` +
        'the number of a fleet stays as it was when its first batch or schedule began',
    );
  }
  keys.setShards(count);
}

/**
 * Has the fleet keep the number of shards that it has; one if it has got none yet. To be called
 * before anything is stored by its name: with another number it would be looked for elsewhere.
 */
export async function fixShards(redis: Redis, keys: FleetKeys): Promise<void> {
  keys.setShards(await parsed(set(redis, keys, 1)));
}

/** @returns how many the fleet has, which may be another number */
async function set(redis: Redis, keys: FleetKeys, wanted: number): Promise<string> {
  const { home, shardCount: key } = keys;
  return script.run(redis, [key, home.batches, home.schedules, home.removals], [wanted]);
}

async function parsed(asked: Promise<string | null>): Promise<number> {
  const read = asked.then((count) => shardCount.parse(count ?? 1));
  return readStored('the number of shards', read);
}

/** Keeps the keys of a process true that is there before its fleet has got a number of shards. */
export class ShardsWatch {
  #reading: Promise<void> | undefined;
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  #stopLooking: (() => void) | undefined;
  #looking: Promise<void> | undefined;

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** As {@link readShards}, once for all who need it before they begin. */
  async read(wanted?: number): Promise<void> {
    this.#reading ??= readShards(this.#redis, this.#keys, wanted).catch((error: unknown) => {
      this.#reading = undefined;
      throw error;
    });
    await this.#reading;
  }

  /** For processes that have just read the number. */
  start(every: Every = everyAlone): void {
    this.#stopLooking ??= every(LOOK_MS, () => void this.#look());
  }

  /** For those that have not. Resolves when it is known, or after a second without Redis. */
  async startWithLook(): Promise<void> {
    this.start();
    await withTimeout(this.#look(), FIRST_LOOK_MS);
  }

  /** Twice is fine. */
  stop(): void {
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  /** While Redis is away, looks would only pile up in the client. */
  async #look(): Promise<void> {
    if (this.#keys.shards.length > 1) {
      this.stop();
      return;
    }
    // Whoever works with Redis says what is wrong with it.
    this.#looking ??= readShards(this.#redis, this.#keys)
      .catch(() => undefined)
      .finally(() => (this.#looking = undefined));
    await this.#looking;
  }
}
