/**
 * Counts the slices of a batch by what they wait for. Where a state has more slices than are read,
 * evenly spread ones stand for all. Some of them are returned.
 *
 * Atomic, so that a slice that moves between states is counted once.
 *
 * KEYS  wait LIST · prioritized ZSET · active LIST · delayed ZSET · paused slices of the batch ZSET
 * ARGV  { batch, slicePrefix: part of keys, sample: slices read per state,
 *         list: slices returned per state }
 * Returns { running, queued, deferred, retrying: counts, some: [{ state, data (JSON) }], absent if
 *         there are none }
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
local some, taken = {}, {}
local function take(state, data)
  if not data or (taken[state] or 0) >= call.list then return end
  taken[state] = (taken[state] or 0) + 1
  some[#some + 1] = { state = state, data = data }
end
local function dataOf(id) return redis.call('HGET', call.slicePrefix .. id, 'data') end
local function count(state, ids, each)
  local own = 0
  for _, id in ipairs(ids) do
    if isOwn(id) then
      own = own + 1
      if (taken[state] or 0) < call.list then take(state, dataOf(id)) end
    end
  end
  return own * each
end
local ids, each = ranked(KEYS[4])
local deferred, retrying = 0, 0
for _, id in ipairs(ids) do
  if isOwn(id) then
    local data = dataOf(id)
    local isSlice, slice = pcall(cjson.decode, data or '')
    local isDeferred = isSlice and type(slice) == 'table' and (slice.ticket or slice.position)
    take(isDeferred and 'deferred' or 'retrying', data)
    if isDeferred then deferred = deferred + each else retrying = retrying + each end
  end
end
if call.list > 0 then
  ids = redis.call('ZRANGE', KEYS[5], 0, call.list - 1)
  for _, id in ipairs(ids) do take('queued', dataOf(id)) end
end
local queued = redis.call('ZCARD', KEYS[5])
ids, each = listed(KEYS[1])
queued = queued + count('queued', ids, each)
ids, each = ranked(KEYS[2])
queued = queued + count('queued', ids, each)
ids, each = listed(KEYS[3])
local function whole(value) return math.floor(value + 0.5) end
return cjson.encode({
  running = whole(count('running', ids, each)),
  queued = whole(queued),
  deferred = whole(deferred),
  retrying = whole(retrying),
  some = #some > 0 and some or nil,
})
`;
