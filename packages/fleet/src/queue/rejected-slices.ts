import type { Redis } from 'ioredis';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { idPrefix, scanAll, scanStep } from './slice-scan.ts';
import { REMOVE_ALL } from './slice-sets.lua.ts';

const removeAll = new Script(REMOVE_ALL, scanStep);

/**
 * Slices that workers have rejected: damaged ones, and those of another version. They are kept for
 * a person to look at. They also keep their ids, so nothing is queued in their place until they are
 * removed.
 */
export class RejectedSlices {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async count(batch: string): Promise<number> {
    // No character of a batch id has a meaning in a pattern.
    const pattern = `${idPrefix(batch)}*`;
    const set = this.#keys.shardOf(batch).queue('failed');
    const { count } = await scanAll(async (cursor) => {
      const step = await this.#redis.zscan(set, cursor, 'MATCH', pattern, 'COUNT', 1_000);
      const [nextCursor, found] = step;
      return [nextCursor, found.length / 2, []];
    });
    return count;
  }

  /**
   * Removes those of a batch. The caller then has to queue what is not settled.
   *
   * @returns how many were removed
   */
  async remove(batch: string): Promise<number> {
    const { queue } = this.#keys.shardOf(batch);
    const args = [queue(''), idPrefix(batch)];
    // The workers that rejected them have taken them out of the waitlist.
    const { count } = await scanAll(async (cursor) =>
      removeAll.run(this.#redis, [queue('failed')], [...args, cursor]),
    );
    return count;
  }
}
