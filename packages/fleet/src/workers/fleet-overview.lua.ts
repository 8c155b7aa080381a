/*
 * The scripts behind the metrics of the whole fleet. Each reads a bounded number of keys, however
 * long the queue is. Keys come from keys.ts.
 */

/**
 * Counts queued fetches by what they wait for. Where a state has more slices than are read, evenly
 * spread ones stand for all. A slice says what its fetches wait for: entries of its `state` are {
 * position, attempts, dueAt, throttledSince }. Fetches of cancelled batches are not counted.
 * Fetches of paused batches count only while they are active: most of their slices are not in the
 * queue, so the ledger knows the others.
 *
 * Atomic, so that a slice that moves between states is counted once.
 *
 * KEYS  wait LIST · prioritized ZSET · active LIST · delayed ZSET · failed ZSET
 * ARGV  { slicePrefix, batchPrefix, settledSuffix: parts of keys; sample: slices read per state }
 * Returns { slices: { waiting, active, delayed, failed },
 *           fetches: { runnable, throttled, delayed, active },
 *           oldestMs: age of the oldest slice }
 */
export const BACKLOG = `
local call = cjson.decode(ARGV[1])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local oldest = now
local batches = {}
local function batchState(batch)
  if batches[batch] == nil then
    local state = redis.pcall('HGET', call.batchPrefix .. batch, 'state')
    batches[batch] = type(state) == 'string' and state or 'unknown'
  end
  return batches[batch]
end

-- Fetches of a claimed slice without a record: settled ones stay in it until the worker releases
-- it.
local function unsettled(slice)
  local gets, count = {}, 0
  for at = 1, #slice.ranges, 2 do
    for index = slice.ranges[at], slice.ranges[at] + slice.ranges[at + 1] - 1 do
      gets[#gets + 1] = 'GET'
      gets[#gets + 1] = 'u1'
      gets[#gets + 1] = string.format('%.0f', index)
    end
  end
  local settled = call.batchPrefix .. slice.batch .. call.settledSuffix
  for _, bit in ipairs(redis.call('BITFIELD', settled, unpack(gets))) do
    if bit == 0 then count = count + 1 end
  end
  return count
end

local KINDS = { 'runnable', 'throttled', 'delayed', 'active' }
local function count(slice, state, dueAt)
  local all = 0
  for at = 2, #slice.ranges, 2 do
    -- A slice of ours has at most 50 fetches. Anything else in the queue must not keep Redis busy.
    if slice.ranges[at] < 1 or slice.ranges[at] > 50 then error('invalid slice') end
    all = all + slice.ranges[at]
  end
  if all > 50 then error('invalid slice') end
  if state == 'active' then return { active = unsettled(slice) } end
  if state == 'waiting' or dueAt <= now then return { runnable = all } end
  local refused, later = 0, 0
  for _, fetch in ipairs(slice.state or {}) do
    if fetch[4] > 0 then
      refused = refused + 1
    elseif fetch[3] > now then
      later = later + 1
    end
  end
  local throttled = (slice.ticket or slice.position) and all - later or refused
  return { throttled = throttled, delayed = all - throttled }
end

local function looksLikeSlice(value)
  return type(value) == 'table' and type(value.ranges) == 'table' and type(value.batch) == 'string'
end

local sums = { runnable = 0, throttled = 0, delayed = 0, active = 0 }
-- entries: { id, due } of the slices read, which stand for as many as size.
local function add(state, size, entries)
  local valid, counts = 0, {}
  for _, entry in ipairs(entries) do
    local job = redis.pcall('HMGET', call.slicePrefix .. entry[1], 'data', 'timestamp')
    local isSlice, slice = pcall(cjson.decode, job[1] or '')
    if isSlice and looksLikeSlice(slice) then
      valid = valid + 1
      local own = batchState(slice.batch)
      if own ~= 'cancelled' and own ~= 'unknown' and (own ~= 'paused' or state == 'active') then
        local isCounted, each = pcall(count, slice, state, entry[2])
        if isCounted then
          for kind, fetches in pairs(each) do counts[kind] = (counts[kind] or 0) + fetches end
          local added = tonumber(job[2] or now)
          if own ~= 'paused' and added and added >= 0 then oldest = math.min(oldest, added) end
        end
      end
    end
  end
  for kind, fetches in pairs(counts) do sums[kind] = sums[kind] + fetches * size / valid end
end

-- The first, the last, and evenly spread ones between them.
local function ranks(size)
  local chosen, some = {}, math.min(size, call.sample)
  for i = 0, some - 1 do
    chosen[#chosen + 1] = some == 1 and 0 or math.floor(i * (size - 1) / (some - 1))
  end
  return chosen
end
local function addZset(state, key)
  local size, entries = redis.call('ZCARD', key), {}
  for _, rank in ipairs(ranks(size)) do
    local one = redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')
    -- BullMQ keeps the time in ms in the upper bits of the score of a delayed job.
    entries[#entries + 1] = { one[1], math.floor(tonumber(one[2]) / 4096) }
  end
  add(state, size, entries)
  return size
end
local function addList(state, key)
  local size, entries = redis.call('LLEN', key), {}
  for _, id in ipairs(redis.call('LRANGE', key, 0, call.sample - 1)) do
    entries[#entries + 1] = { id, 0 }
  end
  add(state, size, entries)
  return size
end

local slices = {
  waiting = addList('waiting', KEYS[1]) + addZset('waiting', KEYS[2]),
  active = addList('active', KEYS[3]),
  delayed = addZset('delayed', KEYS[4]),
  failed = redis.call('ZCARD', KEYS[5]),
}
for kind, fetches in pairs(sums) do sums[kind] = math.floor(fetches + 0.5) end
return cjson.encode({ slices = slices, fetches = sums, oldestMs = math.max(0, now - oldest) })
`;

/**
 * Counts batches by state, and reads the unfinished ones.
 *
 * Atomic, so that a batch that changes its state is counted once.
 *
 * KEYS  batches ZSET
 * ARGV  { batchPrefix: part of keys, batches: how many of the latest are read,
 *         unfinished: how many of these are returned }
 * Returns { states: { <state>: batches },
 *           pausedFetches: fetches of paused batches without a record,
 *           unfinished: [{ batch, at, total, settled, failed }], absent if there are none;
 *           `at` is the score of the batch: JSON has no number without a bound }
 */
export const BATCHES = `
local call = cjson.decode(ARGV[1])
local states, unfinished, pausedFetches = {}, {}, 0
-- A count of fetches; nil for anything else.
local function count(text)
  return string.match(text or '0', '^%d%d?%d?%d?%d?%d?%d?%d?%d?%d?$') and tonumber(text or '0')
end
local newest = redis.call('ZREVRANGE', KEYS[1], 0, call.batches - 1, 'WITHSCORES')
for i = 1, #newest, 2 do
  local id = newest[i]
  local f = redis.pcall('HMGET', call.batchPrefix .. id, 'state', 'total', 'settled', 'failed')
  local state, total, settled, failed = f[1], count(f[2]), count(f[3]), count(f[4])
  local isId = #id <= 128 and string.match(id, '^[a-z0-9][a-z0-9-]*$')
  -- Commands name what they pass over; metrics only leave it out.
  if isId and state and total and settled and failed and settled <= total then
    states[state] = (states[state] or 0) + 1
    if state == 'paused' then pausedFetches = pausedFetches + total - settled end
    if state ~= 'finished' and state ~= 'cancelled' and #unfinished < call.unfinished then
      local one = { batch = id, at = newest[i + 1], total = total, settled = settled, failed = failed }
      unfinished[#unfinished + 1] = one
    end
  end
end
return cjson.encode({
  states = states,
  pausedFetches = pausedFetches,
  unfinished = #unfinished > 0 and unfinished or nil,
})
`;
