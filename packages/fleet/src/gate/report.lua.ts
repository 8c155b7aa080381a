/*
 * What an exchange learns from a report, in three parts of one script. They share the locals that
 * EXCHANGE declares.
 */

/**
 * What is kept of successes. `gate` has the fields of the hash, and `put(field, value)` changes
 * one.
 */
export const SUCCESSES = `
-- Returns the lowest median duration of a report. It drifts up by 0.1 % per fetch: an origin that
-- has become slower for good stops counting as slow.
local function observeDurations(gate, put, report)
  local ended, typicalMs = report.ended, report.typicalMs or 0
  local average = (report.durationMs or 0) / ended
  local moving = tonumber(gate.durationMs or average)
  local fastestMs = math.min(tonumber(gate.fastestMs or typicalMs) * (1 + 0.001 * ended), typicalMs)
  put('durationMs', moving + (average - moving) * math.min(1, 0.1 * ended))
  put('fastestMs', fastestMs)
  return fastestMs
end

-- Most answers are far slower than they were.
local function isSlow(report, fastestMs)
  return (report.ended or 0) >= 5 and (report.typicalMs or 0) > 5 * fastestMs + 200
end

-- The successes of this second and of the one before are the rate that the origin accepts.
local function countSuccesses(gate, put, ok)
  local second, before = math.floor(now / 1000000), tonumber(gate.second or 0)
  local okNow = tonumber(gate.okNow or 0)
  if before ~= second then
    local okBefore = before == second - 1 and okNow or 0
    if okBefore > 0 or gate.okBefore then put('okBefore', okBefore) end
    put('second', second)
    okNow = 0
  end
  put('okNow', okNow + ok)
end
`;

/**
 * Last error, duration of a fetch, share of time-outs, and since when nothing is accepted. Needs
 * SUCCESSES, as the next part.
 */
const OBSERVE = `
-- Fetches that end during a block with another error are not what it is for.
if report.lastError and (blockUs > 0 or refused > 0 or num('blockedUntil') <= now) then
  set('lastError', report.lastError)
end
if ended > 0 then
  observeDurations(gate, set, report)
  if timeouts > 0 or gate.timedOut then
    local share = num('timedOut')
    set('timedOut', share + (timeouts / ended - share) * math.min(1, ended / 100))
  end
end
if ok > 0 and (blockUs > 0 or num('blockedUntil') > now) then
  -- What it accepts while a block begins are the last ones: patience counts from here.
  set('deniedSince', now)
elseif ok > 0 then
  drop('deniedSince')
elseif refused + failures > 0 and not gate.deniedSince then
  set('deniedSince', now)
end
`;

/** Learned rate, block, learned concurrency. */
const LEARN = `
if ok + refused > 0 then countSuccesses(gate, set, ok) end
if ok > 0 then drop('denials') end
local elapsed = math.max(0.2, now / 1000000 % 1)
local accepted = math.max(num('okBefore'), num('okNow') / elapsed)

if refused > 0 and accepted == 0 then
  -- Without recent successes there is no rate to learn: back off, twice as long each time.
  if blockUs == 0 and now >= num('blockedUntil') then
    set('denials', num('denials') + 1)
    blockUs = math.min(60000000, 1000000 * 2 ^ (num('denials') - 1))
  end
elseif refused > 0 then
  -- A refusal with a time is obeyed and teaches nothing: the block is what the origin asks for.
  -- At most one decrease a second: the refusals of one moment arrive together.
  if blockUs == 0 and now - num('learnedAt') > 1000000 then
    local learned = num('learned')
    local rate = learned > 0 and learned * 0.9 or accepted * 0.9
    if learned > 0 and refused > ok then
      rate = math.min(rate, math.max(accepted, learned * 0.5))
    end
    rate = math.max(rate, 0.1)
    set('ceiling', rate / 0.9)
    set('learned', rate)
    set('learnedAt', now)
    set('raisedAt', now)
    note('slowed', string.format('%.3f', rate))
  end
elseif ok > 0 and num('learned') > 0 and now - num('learnedAt') > 1000000 then
  -- Raised by 5 % a second up to 95 % of the rate that was refused, then by 0.5 % a second; by 2 %
  -- if half a minute brought no refusal. What was learned under a limit of the moment is forgotten
  -- within minutes.
  local seconds = math.min(1, (now - num('raisedAt')) / 1000000)
  local step = num('learned') < 0.95 * num('ceiling') and 0.05
    or now - num('learnedAt') > 30000000 and 0.02 or 0.005
  local rate = num('learned') + num('ceiling') * step * seconds
  set('raisedAt', now)
  set('learned', rate)
  if rate > num('ceiling') then set('ceiling', rate) end
end
if blockUs > 0 and now + blockUs > num('blockedUntil') then
  set('blockedUntil', now + blockUs)
  set('blockedFor', report.blockReason or '')
  set('blockedAt', now)
  note('blocked', gate.lastError or report.blockReason, now + blockUs)
end
sampleLearnedRate()

-- Most fetches time out, or most answers are slow: fewer fetches in flight.
-- Fewer fetches that hang say something about themselves and nothing about the origin. The same
-- holds for the hanging fetches that are left at the end of a batch.
local isHanging = timeouts > 0 and num('timedOut') >= 0.5
if waiting > 0 and (isHanging or isSlow(report, num('fastestMs'))) then
  local pause = math.max(1000000, num('durationMs') * 1000)
  if now - num('windowAt') > pause then
    local inUse = others + inFlight + ended
    local window = num('window') > 0 and num('window') or inUse
    set('window', math.max(1, math.min(window, inUse) * 0.8))
    set('windowAt', now)
    note('narrowed', string.format('%.0f', math.floor(num('window'))))
  end
elseif ended > 0 and num('window') > 0 then
  local window = num('window') + ended / num('window')
  if window > 1000 then drop('window') else set('window', window) end
end
`;

/**
 * Circuit breaker. It is closed until the origin is down ten times in a row, or answers a hundred
 * different URLs with 5xx and nothing else: fewer may be the fault of these URLs. It is open for
 * 2 s to 5 min, then half-open for probes: one where the origin is down. An origin that answers is
 * tried at least every 30 s, with twice as many different URLs each time: there may be good ones
 * behind the bad ones.
 */
export const BREAKER = `
local function closeBreaker()
  if num('opens') == 0 then return end
  drop('opens')
  drop('openUntil')
  drop('probe')
  -- A probe that was refused has begun a block, which says more.
  if num('blockedUntil') <= now then note('closed') end
end
local function openBreaker(longestUs)
  set('opens', num('opens') + 1)
  set('openUntil', now + math.min(longestUs, 2000000 * 2 ^ (num('opens') - 1)))
  drop('probe')
  note('opened', gate.lastError, num('openUntil'))
end
`;

/** What a report does to the breaker. Needs BREAKER. */
const BREAK = `
local isProbing = gate.probe ~= nil and string.match(gate.probe, '^(%S+)') == worker
local isProbed = isProbing and now >= num('openUntil')
if ok > 0 or refused > 0 then
  closeBreaker()
  if failures > 0 or gate.failures then set('failures', failures) end
  if errorUrls > 0 then set('errorUrls', errorUrls) else drop('errorUrls') end
elseif errors > 0 then
  -- It answers, so it is up again, unless it answers nothing but errors.
  set('failures', failures)
  set('errorUrls', num('errorUrls') + errorUrls)
  if num('errorUrls') < 100 then
    if num('opens') > 0 then drop('deniedSince') end
    closeBreaker()
  elseif num('opens') == 0 or isProbed then
    openBreaker(30000000)
    if not gate.deniedSince then set('deniedSince', now) end
  end
elseif failures > 0 then
  if num('opens') == 0 then set('failures', num('failures') + failures) end
  if (num('opens') == 0 and num('failures') >= 10) or isProbed then openBreaker(300000000) end
elseif isProbing and inFlight == 0 then
  -- The probe never started, or its result says nothing about the origin: another fetch may probe.
  drop('probe')
elseif isProbing then
  -- The probe may take longer than a lease: it stays the only one meanwhile.
  set('probe', worker .. ' ' .. LEASE_END)
end
`;

export const REPORT = `${OBSERVE}${LEARN}${BREAK}`;
