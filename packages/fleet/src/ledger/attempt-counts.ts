import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { FleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';

/** What became of attempts that have no record. */
export interface AttemptCounts {
  /** They have failed, and are repeated. */
  readonly retried: number;
  /** The origin has refused them; they cost nothing. */
  readonly throttled: number;
}

/**
 * KEYS     batch hash · packed fields
 * ARGV     attempts that were repeated · attempts that were refused
 * Returns  1 if they were counted; 0 for a batch that is removed, or whose fields are packed
 * Atomic   a batch that is removed meanwhile must not come back with nothing but these fields
 */
const COUNT_ATTEMPTS = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if ARGV[1] ~= '0' then redis.call('HINCRBY', KEYS[1], 'retriedAttempts', ARGV[1]) end
if ARGV[2] ~= '0' then redis.call('HINCRBY', KEYS[1], 'throttledAttempts', ARGV[2]) end
return 1
`;

const script = new Script(COUNT_ATTEMPTS, z.number());

/** Adds to the counts of a batch. */
export async function countAttempts(
  { redis, keys }: { readonly redis: Redis; readonly keys: FleetKeys },
  batch: string,
  { retried, throttled }: AttemptCounts,
): Promise<void> {
  await script.run(redis, [keys.batch(batch), keys.packed(batch)], [retried, throttled]);
}
