/*
 * Scripts that move the queued slices of one batch in and out of BullMQ's sets. They know BullMQ's
 * layout: `prioritized`, `delayed` and `failed` are ZSETs of slice ids, a slice is a HASH under
 * prefix + id, and its score in `prioritized` is priority × 2^32 + a counter. Slices that a worker
 * has claimed are in none of these sets, and are never touched.
 */

/**
 * Shared: whether an id belongs to the batch. It is the prefix of the batch, then the first index.
 */
const IS_OF = `
local function isOf(id, prefix)
  return string.sub(id, 1, #prefix) == prefix
end
`;

/** Shared: puts a slice where it can be claimed, and wakes a worker that waits. */
const ENQUEUE = `
local function enqueue(keys, jobKey, id, priority)
  redis.call('HSET', jobKey, 'priority', priority, 'delay', 0)
  local place = redis.call('INCR', keys.counter)
  redis.call('ZADD', keys.prioritized, priority * 0x100000000 + place % 0x100000000, id)
  redis.call('ZADD', keys.marker, 0, '0')
end
`;

/**
 * One step of a scan: moves what it finds of a paused batch from the queue to the paused slices.
 *
 * KEYS     batch hash · prioritized · paused slices
 * ARGV     prefix of the batch's ids · cursor
 * Returns  { next cursor, slices moved }; the cursor is 0 at the end, or if the batch is not paused
 * Atomic   a batch that is resumed meanwhile must not keep a slice among the paused ones
 */
export const WITHDRAW = `${IS_OF}
if redis.call('HGET', KEYS[1], 'state') ~= 'paused' then return { '0', 0 } end
local found = redis.call('ZSCAN', KEYS[2], ARGV[2], 'COUNT', 1000)
local moved = 0
for i = 1, #found[2], 2 do
  local id = found[2][i]
  if isOf(id, ARGV[1]) then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[3], found[2][i + 1], id)
    moved = moved + 1
  end
end
return { found[1], moved }
`;

/**
 * Moves a slice that its worker has just delayed to the paused slices. If the batch was resumed
 * meanwhile, the slice is queued instead: the command that resumed it may already have passed over
 * the paused slices.
 *
 * KEYS     batch hash · delayed · paused slices · prioritized · counter · marker · the slice
 * ARGV     id of the slice
 * Returns  1 if it is among the paused slices now, 0 otherwise
 * Atomic   as WITHDRAW
 */
export const WITHDRAW_ONE = `${ENQUEUE}
local place = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not place then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HGET', KEYS[1], 'state') == 'paused' then
  redis.call('ZADD', KEYS[3], place, ARGV[1])
  return 1
end
local keys = { prioritized = KEYS[4], counter = KEYS[5], marker = KEYS[6] }
enqueue(keys, KEYS[7], ARGV[1], math.max(1, tonumber(redis.call('HGET', KEYS[7], 'priority') or '1')))
return 0
`;

/**
 * Queues paused slices.
 *
 * KEYS     paused slices · prioritized · counter · marker
 * ARGV     prefix of job keys · then id and priority of each slice
 * Returns  how many were paused and are queued now
 * Atomic   a slice between the two sets would be lost if this process died
 */
export const REQUEUE = `${ENQUEUE}
local keys = { prioritized = KEYS[2], counter = KEYS[3], marker = KEYS[4] }
local queued = 0
for i = 2, #ARGV, 2 do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 and redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 1 then
    enqueue(keys, ARGV[1] .. ARGV[i], ARGV[i], tonumber(ARGV[i + 1]))
    queued = queued + 1
  end
end
return queued
`;

/** Shared: one step of a scan that removes the slices of a batch, and their ids from a ZSET. */
const REMOVE_STEP = `${IS_OF}
local function removeStep(set, jobPrefix, idPrefix, cursor)
  local found = redis.call('ZSCAN', set, cursor, 'COUNT', 1000)
  local removed = 0
  for i = 1, #found[2], 2 do
    local id = found[2][i]
    if isOf(id, idPrefix) then
      redis.call('ZREM', set, id)
      redis.call('UNLINK', jobPrefix .. id)
      removed = removed + 1
    end
  end
  return { found[1], removed }
end
`;

/**
 * One step of a scan: removes what it finds of a batch that is cancelled, finished or removed.
 *
 * KEYS     batch hash · a ZSET of slice ids
 * ARGV     prefix of job keys · prefix of the batch's ids · cursor
 * Returns  { next cursor, slices removed }; the cursor is 0 at the end, or if the batch goes on
 * Atomic   slices of a batch that is resumed meanwhile must stay
 */
export const REMOVE_ENDED = `${REMOVE_STEP}
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'cancelled' and state ~= 'finished' then return { '0', 0 } end
return removeStep(KEYS[2], ARGV[1], ARGV[2], ARGV[3])
`;

/**
 * As REMOVE_ENDED, in any state of the batch: for slices that no worker will ever claim.
 *
 * KEYS     a ZSET of slice ids
 * ARGV     prefix of job keys · prefix of the batch's ids · cursor
 * Returns  { next cursor, slices removed }
 * Atomic   an id without its slice would never be queued again
 */
export const REMOVE_ALL = `${REMOVE_STEP}
return removeStep(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
`;
