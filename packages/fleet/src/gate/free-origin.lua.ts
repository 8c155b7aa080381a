/**
 * Exchanges at a free origin, for a fraction of what the others cost: most origins of a large crawl
 * are fetched from once or twice, and nothing happens there.
 *
 * At a free origin nothing is limited, learned or wrong: in its hash are only leases, limits of
 * batches that limit nothing, and what reports of successes leave. Nobody has set limits there, and
 * no slice is deferred. What is answered and written is what the whole exchange would answer and
 * write, which is also the one of version 0.1. Tests compare both.
 *
 * What is the same at many origins of a call is worked out once: that takes longer than the
 * commands of an origin.
 *
 * Needs GATE_BASICS and SUCCESSES.
 */
export const FREE_ORIGIN = `
local CALM = { ended = true, ok = true, durationMs = true, typicalMs = true }
local OF_SUCCESSES =
  { durationMs = true, fastestMs = true, second = true, okNow = true, okBefore = true }
-- Entries that limit nothing, and until when they hold: no later than these instants, unless the
-- clock was set back.
local LATEST_END = { lease = now + LEASE, limits = now + ASKED }
local HARMLESS = { lease = '^%d+ (%d+)$', limits = '^0 %d+ 0 (%d+)$' }

local function isCalm(report)
  for name in pairs(report) do
    if not CALM[name] then return false end
  end
  return report.ok == report.ended
end

-- What a call writes and answers at every free origin; nothing if it needs more.
local function prepareFreely(call)
  if call.arrivals or call.crawlDelayUs then return end
  local write, isAsking = {}, {}
  for _, limits in ipairs(call.batches or {}) do
    if limits.intervalUs or limits.concurrency then return end
    local field = 'limits:' .. limits.batch
    isAsking[field] = true
    write[#write + 1] = field
    write[#write + 1] = '0 ' .. limits.burst .. ' 0 ' .. UNLIMITED_END
  end
  local granted, lease = call.want or 0, 'lease:' .. call.worker
  local held = granted + (call.inFlight or 0)
  if held > 0 then
    write[#write + 1] = lease
    write[#write + 1] = held .. ' ' .. LEASE_END
  end
  return {
    waiting = call.waiting or 0, lease = lease, held = held, write = write, isAsking = isAsking,
    reply = '{"nowMs":"' .. NOW_MS .. (granted > 0 and '","granted":' .. granted .. '}' or '"}'),
  }
end

-- The same names, values and numbers come again at each origin of a call.
local kinds, ends, texts = {}, { lease = {}, limits = {} }, {}
local function kindOf(field)
  local kind = kinds[field]
  if kind == nil then
    kind = string.match(field, '^(%l+):') or false
    kinds[field] = kind
  end
  return kind
end
-- Until when a harmless entry holds; nothing for any other.
local function endOf(kind, value)
  local known = ends[kind]
  if not known then return end
  local till = known[value]
  if till == nil then
    till = tonumber(string.match(value, HARMLESS[kind]) or '') or false
    known[value] = till
  end
  return till
end
local function textOf(number)
  local text = texts[number]
  if not text then
    text = string.format('%.3f', number)
    texts[number] = text
  end
  return text
end

local write
local function put(field, value)
  write[#write + 1] = field
  write[#write + 1] = textOf(value)
end

-- Returns nothing, and has written nothing, where more than that has to be looked at.
local function exchangeFreely(key, stored, prepared, report)
  if report and not isCalm(report) then return end
  local waiting, lease, leaseEnd = prepared.waiting, prepared.lease, 0
  local gate, isAsking = {}, prepared.isAsking
  for i = 1, #stored, 2 do
    local field, value = stored[i], stored[i + 1]
    if OF_SUCCESSES[field] then
      gate[field] = finite(value)
      if not gate[field] then return end
    elseif not isAsking[field] then
      local kind = kindOf(field)
      local till = endOf(kind, value)
      -- Where fetches wait, a batch that does not ask may have ended.
      if not till or till > LATEST_END[kind] or (kind == 'limits' and waiting > 0) then return end
      if field == lease then leaseEnd = till elseif till <= now then return end
    end
  end
  write = prepared.write
  if report then
    write = { unpack(write) }
    local fastestMs = observeDurations(gate, put, report)
    if waiting > 0 and isSlow(report, fastestMs) then return end
    countSuccesses(gate, put, report.ok)
  end
  local held = prepared.held
  if #write > 0 then redis.call('HSET', key, unpack(write)) end
  -- In this order: a hash that loses its last field loses its expiry.
  if held == 0 and leaseEnd > 0 then redis.call('HDEL', key, lease) end
  if held > 0 or leaseEnd <= now then redis.call('PEXPIRE', key, FORGET_MS) end
  return prepared.reply
end
`;
