import type { Redis } from 'ioredis';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';
import { DISCARD } from './paused-slices.lua.ts';
import { idPrefix, scanAll, scanStep } from './slice-scan.ts';

const discard = new Script(DISCARD, scanStep);

/**
 * Slices that workers have set aside because they could make nothing of them: damaged, or of another version. They are kept to be looked at,
 * and keep their ids, so that nothing is queued in their place until they are removed.
 */
export class RejectedSlices {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;

  constructor(redis: Redis, keys: FleetKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** How many there are of a batch. */
  async count(batch: string): Promise<number> {
    // A batch id has no character that a pattern gives a meaning to.
    const pattern = `${idPrefix(batch)}*`;
    const set = this.#keys.queue('failed');
    return scanAll(async (cursor) => {
      const step = await this.#redis.zscan(set, cursor, 'MATCH', pattern, 'COUNT', 1_000);
      const [reached, found] = step;
      return [reached, found.length / 2];
    });
  }

  /** Removes those of a batch; whoever does has to queue what is not settled. @returns how many there were */
  async remove(batch: string): Promise<number> {
    const args = [this.#keys.queue(''), idPrefix(batch)];
    return scanAll(async (cursor) =>
      discard.run(this.#redis, [this.#keys.queue('failed')], [...args, cursor]),
    );
  }
}
