/**
 * Counts the slices of a batch by what they wait for. Where a state has more slices than are read,
 * evenly spread ones stand for all.
 *
 * Atomic, so that a slice that moves between states is counted once.
 *
 * KEYS  wait LIST · prioritized ZSET · active LIST · delayed ZSET · paused slices of the batch ZSET
 * ARGV  { batch, slicePrefix: part of keys, sample: slices read per state }
 * Returns { running, queued, deferred, retrying }
 */
export const SLICE_COUNTS = `
local call = cjson.decode(ARGV[1])
local prefix = call.batch .. '.'
local function isOwn(id)
  return string.sub(id, 1, #prefix) == prefix
end
-- The ids that are read, and how many each of them stands for.
local function listed(key)
  local size = redis.call('LLEN', key)
  return redis.call('LRANGE', key, 0, call.sample - 1), math.max(1, size / call.sample)
end
local function ranked(key)
  local size = redis.call('ZCARD', key)
  if size <= call.sample then return redis.call('ZRANGE', key, 0, -1), 1 end
  local ids = {}
  for i = 0, call.sample - 1 do
    local rank = math.floor(i * (size - 1) / (call.sample - 1))
    ids[#ids + 1] = redis.call('ZRANGE', key, rank, rank)[1]
  end
  return ids, size / call.sample
end
local function count(ids, each)
  local own = 0
  for _, id in ipairs(ids) do
    if isOwn(id) then own = own + 1 end
  end
  return own * each
end
local ids, each = ranked(KEYS[4])
local deferred, retrying = 0, 0
for _, id in ipairs(ids) do
  if isOwn(id) then
    local isSlice, slice = pcall(cjson.decode, redis.call('HGET', call.slicePrefix .. id, 'data') or '')
    local isDeferred = isSlice and type(slice) == 'table' and (slice.ticket or slice.position)
    if isDeferred then deferred = deferred + each else retrying = retrying + each end
  end
end
local function whole(value) return math.floor(value + 0.5) end
return cjson.encode({
  running = whole(count(listed(KEYS[3]))),
  queued = whole(count(listed(KEYS[1])) + count(ranked(KEYS[2])) + redis.call('ZCARD', KEYS[5])),
  deferred = whole(deferred),
  retrying = whole(retrying),
})
`;
