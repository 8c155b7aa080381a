/**
 * Exchanges at a free origin, for a fraction of what the others cost: most origins of a large crawl
 * are fetched from once or twice, and nothing happens there.
 *
 * At a free origin nothing is limited, learned or wrong: in its hash are only leases, limits of
 * batches that limit nothing, and what reports of successes leave. Nobody has set limits there, and
 * no slice is deferred. What is answered and written is what the whole exchange would answer and
 * write, which is also the one of version 0.1. A test compares both.
 *
 * Needs GATE_BASICS and SUCCESSES.
 */
export const FREE_ORIGIN = `
local CALM = { ended = true, ok = true, durationMs = true, typicalMs = true }
local OF_SUCCESSES =
  { durationMs = true, fastestMs = true, second = true, okNow = true, okBefore = true }
-- Entries that limit nothing, and until when they hold.
local HARMLESS = { lease = '^%d+ (%d+)$', limits = '^0 %d+ 0 (%d+)$' }

local function isCalm(call)
  local report = call.report or {}
  for name in pairs(report) do
    if not CALM[name] then return false end
  end
  return report.ok == report.ended and not call.arrivals and not call.crawlDelayUs
end

-- Returns nothing, and has written nothing, where more than that has to be looked at.
local function exchangeFreely(key, stored, call)
  if not isCalm(call) then return end
  local waiting, lease, leaseEnd = call.waiting or 0, 'lease:' .. call.worker, 0
  local gate, write, isAsking = {}, {}, {}
  for _, limits in ipairs(call.batches or {}) do
    if limits.intervalUs or limits.concurrency then return end
    local field = 'limits:' .. limits.batch
    isAsking[field] = true
    write[#write + 1] = field
    write[#write + 1] = '0 ' .. limits.burst .. ' 0 ' .. UNLIMITED_END
  end
  for i = 1, #stored, 2 do
    local field, value = stored[i], stored[i + 1]
    if OF_SUCCESSES[field] then
      gate[field] = finite(value)
      if not gate[field] then return end
    elseif not isAsking[field] then
      local kind = string.match(field, '^(%l+):')
      local till = tonumber(HARMLESS[kind] and string.match(value, HARMLESS[kind]) or '')
      -- Where fetches wait, a batch that does not ask may have ended.
      if not till or (kind == 'limits' and waiting > 0) then return end
      if field == lease then leaseEnd = till elseif till <= now then return end
    end
  end
  if call.report then
    local function put(field, value)
      write[#write + 1] = field
      write[#write + 1] = string.format('%.3f', value)
    end
    local fastestMs = observeDurations(gate, put, call.report)
    if waiting > 0 and isSlow(call.report, fastestMs) then return end
    countSuccesses(gate, put, call.report.ok)
  end
  local granted = call.want or 0
  local held = granted + (call.inFlight or 0)
  if held > 0 then
    write[#write + 1] = lease
    write[#write + 1] = held .. ' ' .. LEASE_END
  end
  if #write > 0 then redis.call('HSET', key, unpack(write)) end
  -- In this order: a hash that loses its last field loses its expiry.
  if held == 0 and leaseEnd > 0 then redis.call('HDEL', key, lease) end
  if held > 0 or leaseEnd <= now then redis.call('PEXPIRE', key, FORGET_MS) end
  return '{"nowMs":"' .. NOW_MS .. (granted > 0 and '","granted":' .. granted .. '}' or '"}')
end
`;
