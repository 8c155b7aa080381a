/*
 * The scripts behind the gauges of the whole fleet. Each looks at a bounded number of keys, however long the queue is, and reads
 * one moment, so that what it counts adds up. Keys come from keys.ts.
 */

/**
 * KEYS  wait list · prioritized ZSET · active list · delayed ZSET · failed ZSET
 * ARGV  1 prefix of the keys of slices · 2 prefix of the keys of batches · 3 their suffix for the settled bitmap
 *       4 slices looked at per state
 * Returns { waiting, active, delayed, failed (slices), fetches: runnable, throttled, delayed, active, age of the oldest in ms }
 *
 * Of a state with more slices than are looked at, evenly spread ones stand for all. A slice tells what its fetches wait for:
 * state entries are { position, attempts, dueAt, throttledSince }. Fetches of cancelled batches count nowhere, those of paused ones
 * only while they are active: most of their slices are not in the queue, so the ledger is asked for them.
 */
export const BACKLOG = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local sample = tonumber(ARGV[4])
local oldest = now
local batches = {}
local function batchState(batch)
  if batches[batch] == nil then batches[batch] = redis.call('HGET', ARGV[2] .. batch, 'state') or 'gone' end
  return batches[batch]
end

-- How many of its fetches have no record yet: a slice that is held keeps those that were settled until it is let go.
local function unsettled(slice)
  local gets, count = {}, 0
  for at = 1, #slice.ranges, 2 do
    for index = slice.ranges[at], slice.ranges[at] + slice.ranges[at + 1] - 1 do
      gets[#gets + 1] = 'GET'
      gets[#gets + 1] = 'u1'
      gets[#gets + 1] = string.format('%.0f', index)
    end
  end
  for _, bit in ipairs(redis.call('BITFIELD', ARGV[2] .. slice.batch .. ARGV[3], unpack(gets))) do
    if bit == 0 then count = count + 1 end
  end
  return count
end

local function count(slice, state, dueAt)
  local runnable, throttled, delayed, active, all = 0, 0, 0, 0, 0
  for at = 2, #slice.ranges, 2 do
    -- Whatever lies in the queue must not keep Redis busy: a slice of ours holds at most 50 fetches.
    if slice.ranges[at] < 1 or slice.ranges[at] > 50 then error('no slice') end
    all = all + slice.ranges[at]
  end
  if all > 50 then error('no slice') end
  if state == 'active' then
    active = unsettled(slice)
  elseif state == 'waiting' or dueAt <= now then
    runnable = all
  else
    local refused, later = 0, 0
    for _, fetch in ipairs(slice.state or {}) do
      if fetch[4] > 0 then
        refused = refused + 1
      elseif fetch[3] > now then
        later = later + 1
      end
    end
    throttled = (slice.ticket or slice.position) and all - later or refused
    delayed = all - throttled
  end
  return { runnable, throttled, delayed, active }
end

local sums = { 0, 0, 0, 0 }
-- entries: { id, due } of the slices looked at, which stand for size slices
local function add(state, size, entries)
  local seen, counts = 0, { 0, 0, 0, 0 }
  for _, entry in ipairs(entries) do
    local job = redis.call('HMGET', ARGV[1] .. entry[1], 'data', 'timestamp')
    local isSlice, slice = pcall(cjson.decode, job[1] or '')
    if isSlice and type(slice) == 'table' and type(slice.ranges) == 'table' and type(slice.batch) == 'string' then
      seen = seen + 1
      local own = batchState(slice.batch)
      if own ~= 'cancelled' and own ~= 'gone' and (own ~= 'paused' or state == 'active') then
        local isCounted, each = pcall(count, slice, state, entry[2])
        if isCounted then
          for i = 1, 4 do counts[i] = counts[i] + each[i] end
          if own ~= 'paused' then oldest = math.min(oldest, tonumber(job[2] or now)) end
        end
      end
    end
  end
  if seen > 0 then
    for i = 1, 4 do sums[i] = sums[i] + counts[i] * size / seen end
  end
end

-- The first, the last, and evenly spread ones between them.
local function ranks(size)
  local chosen, some = {}, math.min(size, sample)
  for i = 0, some - 1 do chosen[#chosen + 1] = some == 1 and 0 or math.floor(i * (size - 1) / (some - 1)) end
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
  for _, id in ipairs(redis.call('LRANGE', key, 0, sample - 1)) do entries[#entries + 1] = { id, 0 } end
  add(state, size, entries)
  return size
end

local waiting = addList('waiting', KEYS[1]) + addZset('waiting', KEYS[2])
local active = addList('active', KEYS[3])
local delayed = addZset('delayed', KEYS[4])
local failed = redis.call('ZCARD', KEYS[5])
local reply = { waiting, active, delayed, failed }
for i = 1, 4 do reply[4 + i] = math.floor(sums[i] + 0.5) end
reply[9] = math.max(0, now - oldest)
return reply
`;

/**
 * KEYS  batches ZSET
 * ARGV  1 prefix of the keys of batches · 2 batches looked at, the latest · 3 unfinished ones told of, the latest
 * Returns { { state, how many, …, 'unsettled', fetches without a record in paused batches },
 *           { id, total, settled, failed of an unfinished batch }, … }
 */
export const BATCHES = `
local ids = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[2] - 1)
local counts, reply, unsettled = {}, { {} }, 0
for _, id in ipairs(ids) do
  local f = redis.call('HMGET', ARGV[1] .. id, 'state', 'total', 'settled', 'failed')
  if f[1] then
    counts[f[1]] = (counts[f[1]] or 0) + 1
    if f[1] == 'paused' then unsettled = unsettled + f[2] - (f[3] or 0) end
    if f[1] ~= 'finished' and f[1] ~= 'cancelled' and #reply <= tonumber(ARGV[3]) then
      reply[#reply + 1] = { id, f[2] or '0', f[3] or '0', f[4] or '0' }
    end
  end
end
counts.unsettled = string.format('%.0f', unsettled)
for state, count in pairs(counts) do
  table.insert(reply[1], state)
  table.insert(reply[1], tostring(count))
end
return reply
`;
