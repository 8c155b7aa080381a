import { z } from 'zod';
import { Script } from '../redis/script.ts';

/**
 * Counts the workers that a slice has lost one after the other without getting any further. BullMQ
 * counts all of its life: a slice that outlives many workers, such as one with long chains of pages
 * or at a slow origin, would be taken for the cause although each of them has done its part.
 *
 * KEYS     the slice · its lock
 * ARGV     token of the lock · workers that it has lost so far · how far it is, as a text
 * Returns  workers that it has lost since it was less far; -1 if the lock is lost
 * Atomic   a worker that has lost the slice must not write what it knew of it
 */
export const LOST_IN_VAIN = new Script(
  `
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local known = redis.call('HMGET', KEYS[1], 'stand', 'lost-before')
if known[1] == ARGV[3] then return ARGV[2] - known[2] end
-- The first loss says nothing of what was before it.
local before = known[1] and ARGV[2] - 1 or 0
redis.call('HSET', KEYS[1], 'stand', ARGV[3], 'lost-before', before)
return ARGV[2] - before
`,
  z.number().int(),
);
