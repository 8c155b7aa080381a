import { EFFECTIVE_LIMITS } from './effective-limits.lua.ts';
import { FREE_ORIGIN } from './free-origin.lua.ts';
import { GATE_BASICS, GATE_FUNCTIONS } from './gate-hash.lua.ts';
import { GRANT, WAKE } from './grant.lua.ts';
import { HISTORY } from './history.lua.ts';
import { BREAKER, REPORT, SUCCESSES } from './report.lua.ts';
import { WAITLIST } from './waitlist.lua.ts';

/**
 * Reports ended fetches and asks which may start, at some origins.
 *
 * Atomic for each origin, because a permit, a slot in time and the breaker are one decision for the
 * whole fleet: two workers that read the same state must not both use what is left. Several in one
 * call, because the call costs more than the decision. What fails at one origin fails there only.
 *
 * KEYS  of each origin: gate hash · hash of set limits · waitlist
 * ARGV  for each origin an ExchangeDocument (protocol.ts), and a ReportDocument or an empty text:
 *       JSON documents; a field that is 0 or empty is absent
 * Returns for each origin 1 or 0, and then exchangeReply (protocol.ts) as a JSON document, or the
 *       error; what is 0 or empty is absent likewise
 */
export const EXCHANGE = `${GATE_BASICS}
-- Of most exchanges these are the only instants, and formatting takes longer than the decision.
local NOW_MS = string.format('%.3f', now / 1000)
local LEASE_END = string.format('%.0f', now + LEASE)
local UNLIMITED_END = string.format('%.0f', now + ASKED)
${SUCCESSES}${FREE_ORIGIN}
-- Its functions are made where an origin needs them: that takes longer than a free one.
local function makeExchange()
${GATE_FUNCTIONS}${EFFECTIVE_LIMITS}${WAITLIST}${HISTORY}${BREAKER}
local function unlessZero(value)
  return value ~= 0 and math.floor(value) or nil
end
local function closedBy()
  local breaker = num('openUntil') > 0 and 'breaker ' or ''
  return breaker .. (num('blockedUntil') > now and 'block' or '')
end
local function isValid(lease)
  return lease and tonumber(string.match(lease, '(%d+)$')) > now
end
-- A batch that has not asked for a second waits for a turn that is far away, or has ended. The
-- worker finds out: batches and gate may be on different nodes.
local function isSilent(batch)
  local interval, expiry = string.match(entries.limits[batch] or '', '^(%S+) %S+ %S+ (%S+)$')
  if not expiry then return true end
  return now - (tonumber(expiry) - ASKED - 2 * (finite(interval) or 0)) > 1000000
end
return function(keys, hash, call, report)
load(keys, hash)
isNoted = false
local worker, inFlight, want = call.worker, call.inFlight or 0, call.want or 0
if call.onlyIfFree then want = 0 end
local waiting, ahead = call.waiting or 0, call.ahead or 0
local horizon, lead = call.horizonUs or 0, call.leadUs or 0
report = report or {}
local ended = report.ended or 0
local ok, refused, failures = report.ok or 0, report.refused or 0, report.failures or 0
local errors, errorUrls = report.errors or 0, report.errorUrls or 0
local timeouts, blockUs = report.timeouts or 0, (report.blockMs or 0) * 1000
local others = permitsInUse(worker)
-- A hash of an origin at which slices were ever deferred has the latest ticket.
local mayHaveDeferred = #stored == 0 or gate.tail
local deferred = mayHaveDeferred and redis.call('ZCARD', KEYS[3]) or 0
local wasHeld = entries.lease[worker]
local closedBefore = closedBy()

local early, earlyFetches = {}, 0
for _, arrival in ipairs(call.arrivals or {}) do
  -- A slice that was woken is in the waitlist no more; one that has come by its own timer still is.
  -- Other batches may have joined since its turn was forecast.
  local rank = redis.call('ZRANK', KEYS[3], arrival.slice)
  if rank then
    deferred = deferred - 1
    if rank > 0 then
      early[#early + 1] = arrival.slice
      earlyFetches = earlyFetches + arrival.fetches
    end
    redis.call('ZREM', KEYS[3], arrival.slice)
    leaveFlow(arrival.slice)
  end
  dropEntry('woken', arrival.slice)
end
local isHere = {}
for _, limits in ipairs(call.batches or {}) do
  isHere[limits.batch] = true
  local intervalUs, allowed = limits.intervalUs, limits.burst .. ' ' .. (limits.concurrency or 0)
  if intervalUs then
    -- A batch whose turns are far apart asks rarely: its limits outlive two intervals.
    local expiry = string.format('%.0f', now + ASKED + 2 * intervalUs)
    allowed = string.format('%.17g', intervalUs) .. ' ' .. allowed .. ' ' .. expiry
  else
    allowed = '0 ' .. allowed .. ' ' .. UNLIMITED_END
  end
  setEntry('limits', limits.batch, allowed)
end
local isCheckDue = waiting > 0 and now - num('checkedAt') > 1000000
local silentBatches = {}
if isCheckDue then
  for batch in pairs(entries.limits) do
    if isSilent(batch) then silentBatches[#silentBatches + 1] = batch end
  end
  if #silentBatches > 0 then set('checkedAt', now) end
end
-- Whether slices of several batches are deferred, or those of a batch that is not at this worker.
local isShared, flows = false, 0
for batch in pairs(entries.flow) do
  flows = flows + 1
  isShared = isShared or flows > 1 or not isHere[batch]
end
if call.crawlDelayUs then set('crawlDelay', call.crawlDelayUs) end
${REPORT}${GRANT}${WAKE}
forgetFlowsIfEmpty(deferred)
local last = math.max(now, num('blockedUntil'), num('openUntil'), num('tat'))
local keepMs = math.ceil((last - now) / 1000) + FORGET_MS
keepHistory(keepMs)
save()
-- The exchange that took the last permits has kept the hash for as long, seconds ago. But a hash
-- whose fields were all dropped has lost its expiry.
if held > 0 or keepMs > FORGET_MS or #dropped > 0 or not isValid(wasHeld) then
  redis.call('PEXPIRE', KEYS[1], keepMs)
end

-- With those that have not arrived: somebody has to ask until they have.
local notArrived = deferred
for _ in pairs(entries.woken) do notArrived = notArrived + 1 end
local hasChanged = closedBefore ~= closedBy()
local isBounded = concurrency < math.huge
return cjson.encode({
  -- As text: cjson rounds numbers to 14 digits.
  nowMs = NOW_MS,
  granted = unlessZero(granted),
  reserved = unlessZero(reserved),
  firstUs = unlessZero(first),
  spacingUs = unlessZero(interval),
  againUs = unlessZero(again),
  state = state ~= 'open' and state or nil,
  waiters = waiters ~= 1 and waiters or nil,
  paceUs = unlessZero(pace),
  hasChanged = hasChanged or nil,
  lastError = hasChanged and closedBy() ~= '' and gate.lastError or nil,
  allowedInFlight = isBounded and held or nil,
  spare = isBounded and math.max(0, concurrency - others - held) or nil,
  deferred = unlessZero(notArrived),
  isShared = isShared or nil,
  isAlone = isAlone and pace > 0 or nil,
  early = #early > 0 and early or nil,
  deniedForUs = gate.deniedSince and unlessZero(now - num('deniedSince')),
  wakeSlices = #wakeSlices > 0 and wakeSlices or nil,
  overdueSlices = #overdueSlices > 0 and overdueSlices or nil,
  silentBatches = #silentBatches > 0 and silentBatches or nil,
})
end
end

local ORIGINS = #ARGV / 2
-- Whether limits are set, or slices deferred, at any origin.
local isAnyThere
-- The hashes that do not exist, where none does of those that are only asked about.
local isNew = {}
do
  local besides, asked = {}, {}
  for i = 1, ORIGINS do
    besides[2 * i - 1], besides[2 * i] = KEYS[3 * i - 1], KEYS[3 * i]
    if ARGV[2 * i] == '' then asked[#asked + 1] = KEYS[3 * i - 2] end
  end
  isAnyThere = redis.call('EXISTS', unpack(besides)) > 0
  if #asked > 1 and redis.call('EXISTS', unpack(asked)) == 0 then
    for _, key in ipairs(asked) do isNew[key] = true end
  end
end
local function read(key)
  local hash = isNew[key] and {} or redis.call('HGETALL', key)
  -- The same origin may come twice.
  isNew[key] = nil
  return hash
end
-- By their documents: many origins have the same one.
local calls, preparedCalls = {}, {}
local function callOf(document)
  if not calls[document] then
    calls[document] = cjson.decode(document)
    preparedCalls[document] = prepareFreely(calls[document])
  end
  return calls[document], preparedCalls[document]
end
local wholeExchange
local function exchange(key, settings, waitlist, document, reported)
  local call, prepared = callOf(document)
  local report = reported ~= '' and cjson.decode(reported) or nil
  local hash = read(key)
  local isThere = isAnyThere and redis.call('EXISTS', settings, waitlist) > 0
  local reply = prepared and not isThere and exchangeFreely(key, hash, prepared, report)
  if reply then return reply end
  wholeExchange = wholeExchange or makeExchange()
  return wholeExchange({ key, settings, waitlist }, hash, call, report)
end
local replies = {}
for i = 1, ORIGINS do
  local key, settings, waitlist = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  local isDone, reply =
    pcall(exchange, key, settings, waitlist, ARGV[2 * i - 1], ARGV[2 * i])
  if not isDone and type(reply) == 'table' then reply = reply.err end
  replies[2 * i - 1] = isDone and 1 or 0
  replies[2 * i] = isDone and reply or tostring(reply)
end
return replies
`;
