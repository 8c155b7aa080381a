/*
 * Scripts that move the queued slices of one batch in and out of BullMQ's sets. They know BullMQ's
 * layout: `prioritized`, `delayed` and `failed` are ZSETs of slice ids, `wait` is a LIST of those
 * that dead workers had, a slice is a HASH under prefix + id, and its score in `prioritized` is
 * priority × 2^32 + a counter. Slices that a worker has claimed are in none of these, and are never
 * touched.
 */

/**
 * Shared: whether an id belongs to the batch. It is the prefix of the batch, then the first index.
 */
const IS_OF = `
local function isOf(id, prefix)
  return string.sub(id, 1, #prefix) == prefix
end
`;

/**
 * Shared: adds the origin of a slice to `origins`, once, if the slice has been deferred. It reads
 * the text of the slice, in which a quote inside a string is escaped: a damaged one does no harm.
 */
const NOTE_ORIGIN = `
local function noteOrigin(origins, jobKey)
  local data = redis.call('HGET', jobKey, 'data') or ''
  local origin = string.find(data, ',"ticket":', 1, true) and string.match(data, '"origin":"([^"]*)"')
  if origin and not origins[origin] then
    origins[origin] = true
    origins[#origins + 1] = origin
  end
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
 * KEYS     batch hash · a ZSET of slice ids: prioritized or delayed · paused slices
 * ARGV     prefix of job keys · prefix of the batch's ids · cursor
 * Returns  { next cursor, slices moved, origins where some had been deferred }; the cursor is 0 at
 *          the end, or if the batch is not paused
 * Atomic   a batch that is resumed meanwhile must not keep a slice among the paused ones
 */
export const WITHDRAW = `${IS_OF}${NOTE_ORIGIN}
if redis.call('HGET', KEYS[1], 'state') ~= 'paused' then return { '0', 0, {} } end
local found = redis.call('ZSCAN', KEYS[2], ARGV[3], 'COUNT', 1000)
local moved, origins = 0, {}
for i = 1, #found[2], 2 do
  local id = found[2][i]
  if isOf(id, ARGV[2]) then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[3], found[2][i + 1], id)
    noteOrigin(origins, ARGV[1] .. id)
    moved = moved + 1
  end
end
return { found[1], moved, origins }
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
 * Queues paused slices. They lose their tickets, as they get new priorities: with the old ones they
 * would come before everything that was deferred meanwhile.
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
    local jobKey = ARGV[1] .. ARGV[i]
    local data = redis.call('HGET', jobKey, 'data')
    if data then
      redis.call('HSET', jobKey, 'data', (string.gsub(data, ',"ticket":%d+', '', 1)))
    end
    enqueue(keys, jobKey, ARGV[i], tonumber(ARGV[i + 1]))
    queued = queued + 1
  end
end
return queued
`;

/** Shared: one step of a scan that removes the slices of a batch, and their ids from a ZSET. */
const REMOVE_STEP = `${IS_OF}${NOTE_ORIGIN}
local function removeStep(set, jobPrefix, idPrefix, cursor)
  local found = redis.call('ZSCAN', set, cursor, 'COUNT', 1000)
  local removed, origins = 0, {}
  for i = 1, #found[2], 2 do
    local id = found[2][i]
    if isOf(id, idPrefix) then
      noteOrigin(origins, jobPrefix .. id)
      redis.call('ZREM', set, id)
      redis.call('UNLINK', jobPrefix .. id)
      removed = removed + 1
    end
  end
  return { found[1], removed, origins }
end
`;

/**
 * One step of a scan: removes what it finds of a batch that is cancelled, finished or removed.
 *
 * KEYS     batch hash · a ZSET of slice ids
 * ARGV     prefix of job keys · prefix of the batch's ids · cursor
 * Returns  { next cursor, slices removed, origins where some had been deferred }; the cursor is 0
 *          at the end, or if the batch goes on
 * Atomic   slices of a batch that is resumed meanwhile must stay
 */
export const REMOVE_ENDED = `${REMOVE_STEP}
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'cancelled' and state ~= 'finished' then return { '0', 0, {} } end
return removeStep(KEYS[2], ARGV[1], ARGV[2], ARGV[3])
`;

/**
 * As REMOVE_ENDED, for the list of slices that dead workers had. It is as long as what workers have
 * at a time, and is gone through in one step.
 *
 * KEYS     batch hash · the LIST of slice ids
 * ARGV     prefix of job keys · prefix of the batch's ids
 * Returns  { '0', slices removed, origins where some had been deferred }
 * Atomic   as REMOVE_ENDED
 */
export const REMOVE_ENDED_WAITING = `${IS_OF}${NOTE_ORIGIN}
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'cancelled' and state ~= 'finished' then return { '0', 0, {} } end
local removed, origins = 0, {}
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  if isOf(id, ARGV[2]) then
    noteOrigin(origins, ARGV[1] .. id)
    redis.call('LREM', KEYS[2], 1, id)
    redis.call('UNLINK', ARGV[1] .. id)
    removed = removed + 1
  end
end
return { '0', removed, origins }
`;

/**
 * As REMOVE_ENDED, in any state of the batch: for slices that no worker will ever claim.
 *
 * KEYS     a ZSET of slice ids
 * ARGV     prefix of job keys · prefix of the batch's ids · cursor
 * Returns  { next cursor, slices removed, origins where some had been deferred }
 * Atomic   an id without its slice would never be queued again
 */
export const REMOVE_ALL = `${REMOVE_STEP}
return removeStep(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
`;

/**
 * Finds slices that neither wait for their time, nor are queued, nor at a worker: removed, paused
 * and rejected ones.
 *
 * KEYS     delayed · prioritized · wait · active
 * ARGV     prefix of job keys · then the ids
 * Returns  the ids of those
 * Atomic   a slice that moves between two sets meanwhile is in neither of two reads
 */
export const FIND_GONE = `
local gone = {}
for i = 2, #ARGV do
  local id, key = ARGV[i], ARGV[1] .. ARGV[i]
  local isHere = redis.call('EXISTS', key) == 1
    and (redis.call('ZSCORE', KEYS[1], id) or redis.call('ZSCORE', KEYS[2], id)
      or redis.call('EXISTS', key .. ':lock') == 1
      or redis.call('LPOS', KEYS[3], id) or redis.call('LPOS', KEYS[4], id))
  if not isHere then gone[#gone + 1] = id end
end
return gone
`;

/**
 * Finds slices that can be claimed.
 *
 * KEYS     prioritized · wait
 * ARGV     the ids
 * Returns  the ids of those
 * Atomic   as FIND_GONE
 */
export const FIND_QUEUED = `
local queued = {}
for _, id in ipairs(ARGV) do
  local isQueued = redis.call('ZSCORE', KEYS[1], id) or redis.call('LPOS', KEYS[2], id)
  if isQueued then queued[#queued + 1] = id end
end
return queued
`;

/**
 * One step of a search: finds delayed slices by what is in their text, in the order in which they
 * are due. It reads only.
 *
 * KEYS     delayed
 * ARGV     prefix of job keys · the text · the first place to look at · the last one
 * Returns  { slices looked at, the ids of those that have the text }
 */
export const FIND_DELAYED = `
local ids, found = redis.call('ZRANGE', KEYS[1], ARGV[3], ARGV[4]), {}
for _, id in ipairs(ids) do
  local data = redis.call('HGET', ARGV[1] .. id, 'data')
  if data and string.find(data, ARGV[2], 1, true) then found[#found + 1] = id end
end
return { #ids, found }
`;

/**
 * Gives a delayed slice another text, and queues it if that is asked for, unless somebody has
 * claimed or changed it meanwhile.
 *
 * KEYS     delayed · prioritized · counter · marker · the slice
 * ARGV     id of the slice · its text · its new text · 1 to queue it
 * Returns  1 if it has the new text now, 0 otherwise
 * Atomic   a worker that has claimed it would lose what it has done since
 */
export const CHANGE_DELAYED = `${ENQUEUE}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
if redis.call('HGET', KEYS[5], 'data') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[5], 'data', ARGV[3])
if ARGV[4] ~= '1' then return 1 end
redis.call('ZREM', KEYS[1], ARGV[1])
local keys = { prioritized = KEYS[2], counter = KEYS[3], marker = KEYS[4] }
enqueue(keys, KEYS[5], ARGV[1], math.max(1, tonumber(redis.call('HGET', KEYS[5], 'priority') or '1')))
return 1
`;
