/*
 * Scripts that move the queued slices of one batch in and out of BullMQ's sets, whose layout they know: `prioritized`, `delayed` and `failed`
 * are ZSETs of slice ids, a slice is a HASH under prefix + id, and its place is priority × 2^32 + a counter. Slices that a worker has
 * claimed are in neither set, and are never touched.
 */

/** Whether an id is one of the batch's: its prefix, and then the first index. */
const IS_OF = `
local function isOf(id, prefix)
  return string.sub(id, 1, #prefix) == prefix
end
`;

/** Puts a slice back where it can be claimed, and wakes a worker that waits. */
const ENQUEUE = `
local function enqueue(keys, jobKey, id, priority)
  redis.call('HSET', jobKey, 'priority', priority, 'delay', 0)
  local place = redis.call('INCR', keys.counter)
  redis.call('ZADD', keys.prioritized, priority * 0x100000000 + place % 0x100000000, id)
  redis.call('ZADD', keys.marker, 0, '0')
end
`;

/**
 * KEYS  batch hash · prioritized · parked
 * ARGV  prefix of the batch's ids, cursor
 * One step of a scan: parks what it finds of a batch that is paused. Returns { next cursor, parked }; the cursor ends at 0.
 */
export const HOLD = `${IS_OF}
if redis.call('HGET', KEYS[1], 'state') ~= 'paused' then return { '0', 0 } end
local found = redis.call('ZSCAN', KEYS[2], ARGV[2], 'COUNT', 1000)
local parked = 0
for i = 1, #found[2], 2 do
  local id = found[2][i]
  if isOf(id, ARGV[1]) then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[3], found[2][i + 1], id)
    parked = parked + 1
  end
end
return { found[1], parked }
`;

/**
 * KEYS  batch hash · delayed · parked · prioritized · counter · marker · the slice
 * ARGV  id of the slice
 * Parks a slice that was delayed a moment ago. If its batch was resumed meanwhile, it is queued instead: whoever resumed it has looked
 * through the parked ones already. Returns 1 if it is parked.
 */
export const HOLD_ONE = `${ENQUEUE}
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
 * KEYS  parked · prioritized · counter · marker
 * ARGV  prefix of job keys, then id and priority of each slice
 * Returns how many were parked and are queued now.
 */
export const RELEASE = `${ENQUEUE}
local keys = { prioritized = KEYS[2], counter = KEYS[3], marker = KEYS[4] }
local released = 0
for i = 2, #ARGV, 2 do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 and redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 1 then
    enqueue(keys, ARGV[1] .. ARGV[i], ARGV[i], tonumber(ARGV[i + 1]))
    released = released + 1
  end
end
return released
`;

/** One step of a scan: removes from a ZSET of slice ids, with their slices, what it finds of a batch. */
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
 * KEYS  batch hash · a ZSET of slice ids
 * ARGV  prefix of job keys, prefix of the batch's ids, cursor
 * One step of a scan: removes what it finds of a batch that is cancelled, finished or removed. Returns { next cursor, removed }.
 */
export const DROP = `${REMOVE_STEP}
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'cancelled' and state ~= 'finished' then return { '0', 0 } end
return removeStep(KEYS[2], ARGV[1], ARGV[2], ARGV[3])
`;

/**
 * KEYS  a ZSET of slice ids
 * ARGV  prefix of job keys, prefix of the batch's ids, cursor
 * As DROP, whatever the state of the batch: for slices that no worker will ever take.
 */
export const DISCARD = `${REMOVE_STEP}
return removeStep(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
`;
