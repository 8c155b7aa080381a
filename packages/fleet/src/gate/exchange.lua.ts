import { PRELUDE } from './prelude.lua.ts';

/** What ended: the pace of the origin, and since when it has accepted nothing. */
const REPORT = `
if ended > 0 then
  local average = totalMs / ended
  local moving = gate.durationMs and num('durationMs') or average
  set('durationMs', moving + (average - moving) * math.min(1, 0.1 * ended))
  -- The least, drifting up, so that an origin that became slower for good is not suspected for ever.
  local fastest = gate.fastestMs and num('fastestMs') * (1 + 0.001 * ended) or typicalMs
  set('fastestMs', math.min(fastest, typicalMs))
  set('timedOut', num('timedOut') + (timeouts / ended - num('timedOut')) * math.min(1, ended / 100))
end
if ok > 0 then
  if gate.deniedSince then drop('deniedSince') end
elseif refused + failures > 0 and not gate.deniedSince then
  set('deniedSince', now)
end
`;

/** Limits that are learned, and blocks. */
const LEARN = `
-- Successes of this second and the one before: what the origin bears.
local second = math.floor(now / 1000000)
if num('second') ~= second then
  set('okBefore', num('second') == second - 1 and num('okNow') or 0)
  set('second', second)
  set('okNow', 0)
end
if ok > 0 then
  set('okNow', num('okNow') + ok)
  if gate.denials then drop('denials') end
end
local elapsed = math.max(0.2, now / 1000000 - second)
local bears = math.max(num('okBefore'), num('okNow') / elapsed)

-- Refused: decrease at most once in a second, because refusals of one moment come together.
-- Where nothing was accepted lately there is nothing to learn a rate from: it is left alone for longer and longer.
if refused > 0 and bears == 0 then
  if blockUs == 0 and now >= num('blockedUntil') then
    set('denials', num('denials') + 1)
    blockUs = math.min(60000000, 1000000 * 2 ^ (num('denials') - 1))
  end
elseif refused > 0 then
  if now - num('learnedAt') > 1000000 then
    local rate = num('learned') > 0 and num('learned') * 0.9 or bears * 0.9
    if num('learned') > 0 and refused > ok then rate = math.min(rate, math.max(bears, num('learned') * 0.5)) end
    rate = math.max(rate, 0.1)
    set('ceiling', rate / 0.9)
    set('learned', rate)
    set('learnedAt', now)
    set('raisedAt', now)
  end
elseif ok > 0 and num('learned') > 0 and now - num('learnedAt') > 1000000 then
  -- Back quickly to just below where it was refused, then carefully on.
  local seconds = math.min(1, (now - num('raisedAt')) / 1000000)
  local step = num('learned') < 0.95 * num('ceiling') and 0.05 or 0.005
  local rate = num('learned') + num('ceiling') * step * seconds
  set('raisedAt', now)
  set('learned', rate)
  if rate > num('ceiling') then set('ceiling', rate) end
end
if blockUs > 0 and now + blockUs > num('blockedUntil') then
  set('blockedUntil', now + blockUs)
  set('blockedFor', ARGV[13])
end

-- Many timeouts, or most answers taking far longer than they did: fewer at a time. That one fetch in fifty hangs says something of
-- these fetches, not of the origin; nor do those that are left at the end of a batch because they hang.
local inUse = others + held
local isHanging = timeouts > 0 and num('timedOut') >= 0.1
local isSlow = ended >= 5 and typicalMs > 5 * num('fastestMs') + 200
if waiting > 0 and (isHanging or isSlow) then
  local pause = math.max(1000000, num('durationMs') * 1000)
  if now - num('windowAt') > pause then
    local window = num('window') > 0 and num('window') or (inUse + ended)
    set('window', math.max(1, math.min(window, inUse + ended) * 0.8))
    set('windowAt', now)
  end
elseif ended > 0 and num('window') > 0 then
  local window = num('window') + ended / num('window')
  if window > 1000 then drop('window') else set('window', window) end
end
`;

/** Circuit breaker. */
const BREAK = `
local isProbing = gate.probe ~= nil and string.match(gate.probe, '^(%S+)') == worker
if ok > 0 or refused > 0 then
  if num('opens') > 0 then drop('opens') drop('openUntil') drop('probe') end
  set('failures', failures)
elseif failures > 0 then
  if num('opens') == 0 then set('failures', num('failures') + failures) end
  if (num('opens') == 0 and num('failures') >= 10) or (isProbing and now >= num('openUntil')) then
    set('opens', num('opens') + 1)
    set('openUntil', now + math.min(300000000, 2000000 * 2 ^ (num('opens') - 1)))
    drop('probe')
  end
elseif isProbing and held == 0 then
  -- It was never started, or its end says nothing of the origin: the next one may try.
  drop('probe')
elseif isProbing then
  -- It is still under way, perhaps for longer than a lease: there is no other meanwhile.
  set('probe', worker .. ' ' .. string.format('%.0f', now + lease))
end
`;

/** What may start, and who asks next. */
const GRANT = `
local interval, burst, concurrency = limits()
local pace = paceOf(interval, concurrency)
local granted, first, again, state, appointment = 0, 0, 0, 0, 0

-- Fetches that wait at other workers. Whoever has not asked for three seconds is gone.
local elsewhere, waiters, appointments = 0, 1, {}
for field, value in pairs(gate) do
  if string.sub(field, 1, 6) == 'waits:' then
    local fetches, toldAt, at = string.match(value, '^(%S+) (%S+) (%S+)$')
    if field == 'waits:' .. worker then
      appointment = tonumber(at)
    elseif tonumber(toldAt) + 3000000 < now then
      redis.call('HDEL', KEYS[1], field)
    else
      elsewhere, waiters = elsewhere + tonumber(fetches), waiters + 1
      if tonumber(at) > now then appointments[#appointments + 1] = tonumber(at) end
    end
  end
end

if num('openUntil') > now then
  state, again = 4, num('openUntil') - now
elseif num('blockedUntil') > now then
  state, again = 3, num('blockedUntil') - now
elseif want > 0 or num('opens') > 0 then
  local room = math.max(0, concurrency - others - held)
  if num('opens') > 0 then
    state = 5
    local expiry = gate.probe and tonumber(string.match(gate.probe, '(%S+)$')) or 0
    room = expiry > now and 0 or math.min(room, 1)
    again = 500000
  elseif room < want then
    state = 2
    again = math.max(5000, math.min(1000000, num('durationMs') * 1000 / math.max(1, math.min(concurrency, 1000))))
  end
  granted = math.min(want, room)
  if want > 0 then appointment = 0 end
  if interval > 0 and granted > 0 then
    -- A little slower than allowed, so that what is late by a few ms does not meet what is on time in one second.
    interval = interval * 1.02
    local tat = num('tat')
    -- A limit that is being learned changes often, and what was promised does not change with it.
    if num('learned') > 0 then horizon = math.min(horizon, 250000) end
    -- A limit that was raised is felt at once: what is still owed to the old one is owed at the new pace.
    if num('spacing') > interval and tat > now then tat = now + (tat - now) * interval / num('spacing') end
    set('spacing', interval)
    tat = math.max(tat, now + lead)
    local tolerance = (burst - 1) * interval
    local slots = math.max(0, math.floor((now + lead + horizon + tolerance - tat) / interval) + 1)
    if slots < granted then state = 1 end
    granted = math.min(granted, slots)
    first = tat - tolerance - now
    set('tat', tat + granted * interval)
    if state == 1 then
      -- Asked ahead of the slot, so that none passes while the question is under way; and not all ask for the same one:
      -- each has an appointment at which another slot is free, or so many that a few ms do not matter.
      local step = math.max(interval, horizon / 2)
      appointment = math.max(now + 1000, tat + granted * interval - tolerance - lead - horizon / 2)
      table.sort(appointments)
      for _, other in ipairs(appointments) do
        if math.abs(other - appointment) < 0.75 * step then appointment = other + step end
      end
      again = appointment - now
    end
  end
  if state == 2 and interval > 0 then
    -- What is promised counts as in flight. While that is what takes the room, all starts are spoken for, and asking brings none.
    local reach = math.min(horizon, concurrency * interval)
    again = math.max(again, num('tat') - (burst - 1) * interval - lead - reach / 2 - now)
  end
  if granted > 0 then
    if state == 5 then set('probe', worker .. ' ' .. string.format('%.0f', now + lease)) end
    -- Where slots are left over, whoever stood before this one has gone: the line begins here.
    if ticket > 0 and granted == want and state == 0 then set('head', math.max(num('head'), ticket)) end
    if ticket > 0 then set('head', math.min(math.max(num('tail'), num('head')), num('head') + granted)) end
  end
end
local mine = held + granted
if mine > 0 then
  set('lease:' .. worker, mine .. ' ' .. string.format('%.0f', now + lease))
elseif gate['lease:' .. worker] then
  drop('lease:' .. worker)
end
waiting = math.max(0, waiting - granted)
if waiting > 0 and (state > 0 or pace > 0) then
  set('waits:' .. worker, waiting .. ' ' .. string.format('%.0f %.0f', now, appointment))
elseif gate['waits:' .. worker] then
  drop('waits:' .. worker)
end
`;

/** Slices of the line that are wanted: so many that the fleet has enough for the next second, and no more, or they would leave again. */
const WAKE = `
local wakeSlices = {}
if state < 3 then
  local here = waiting + elsewhere
  local called = now - num('calledAt') < 3000000 and num('called') or 0
  while (here + called) * pace < 1000000 and #wakeSlices < 10 do
    local popped = redis.call('ZPOPMIN', KEYS[3])
    if not popped[1] then break end
    wakeSlices[#wakeSlices + 1] = popped[1]
    called = called + tonumber(popped[2]) % 64
  end
  if #wakeSlices > 0 then
    set('calledAt', now)
    set('called', called)
  end
end
`;

/**
 * Reports what ended and asks what may start.
 *
 * KEYS  gate hash · settings hash · waitlist
 * ARGV   1 worker · 2 fetches in flight here · 3 wanted · 4 ticket of the first of them among the deferred, or 0
 *        5 horizon: how far ahead starts may be promised · 6 lease · 7 expiry of the hash, ms
 *        8 ended · 9 their durations added up, ms · 10 successes · 11 refusals (429, 503) · 12 block, ms (0: none) · 13 why
 *       14 failures at the end in a row · 15 timeouts · 16 crawl delay, or -1: not known
 *       17 lead: how long the answer takes to arrive, so that no slot is over by then
 *       18 fetches that wait here, the wanted included
 *       19 what most that ended have taken at most: the median, ms
 *       20 how many slices of the line have come here, then id and fetches of each
 *        … id, interval, burst, concurrency of every batch that asks
 * Returns { granted, first start in µs from now (what is before the lead may start at once), spacing in µs, ask again in µs, state,
 *           workers with fetches waiting, pace: µs per fetch at the present limits, state changed, fetches in flight allowed to this worker
 *           or -1, the time it is, fetches that may be in flight besides or -1, slices left in the line,
 *           for how long the origin has refused or failed and accepted nothing, slices of the line to be called back }
 * state: 0 open, 1 rate, 2 concurrency, 3 blocked, 4 breaker open, 5 half-open
 */
export const EXCHANGE = `${PRELUDE}
local worker, held, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ticket, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])
local lease, expiryMs = tonumber(ARGV[6]), tonumber(ARGV[7])
local ended, totalMs, ok, refused = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local blockUs, failures, timeouts = tonumber(ARGV[12]) * 1000, tonumber(ARGV[14]), tonumber(ARGV[15])
local lead, waiting, typicalMs = tonumber(ARGV[17]), tonumber(ARGV[18]), tonumber(ARGV[19])
local others = leases(worker)
local before = (num('openUntil') > 0 and 'b' or '') .. (num('blockedUntil') > now and 'w' or '')

local at = 21
for _ = 1, tonumber(ARGV[20]) do
  -- What came by its own time is still in the line; what was called is not.
  if redis.call('ZREM', KEYS[3], ARGV[at]) == 0 then set('called', math.max(0, num('called') - tonumber(ARGV[at + 1]))) end
  at = at + 2
end
for i = at, #ARGV, 4 do
  -- Whose turns are far apart asks rarely, and its limits hold all the same.
  local expiry = now + 60000000 + 2 * tonumber(ARGV[i + 1])
  set('limits:' .. ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2] .. ' ' .. ARGV[i + 3] .. ' ' .. string.format('%.0f', expiry))
end
if tonumber(ARGV[16]) >= 0 then set('crawlDelay', tonumber(ARGV[16])) end
${REPORT}${LEARN}${BREAK}${GRANT}${WAKE}
local write = {}
for field, value in pairs(dirty) do write[#write + 1] = field write[#write + 1] = value end
if #write > 0 then redis.call('HSET', KEYS[1], unpack(write)) end
local last = math.max(now, num('blockedUntil'), num('openUntil'), num('tat'))
redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + expiryMs)
local after = (num('openUntil') > 0 and 'b' or '') .. (num('blockedUntil') > now and 'w' or '')
local isBounded = concurrency < math.huge
local allowed = isBounded and mine or -1
local spare = isBounded and math.max(0, concurrency - others - mine) or -1
local deniedFor = gate.deniedSince and now - num('deniedSince') or 0
return {
  granted, math.floor(first), math.floor(interval), math.floor(again), state, waiters, math.floor(pace),
  before == after and 0 or 1, allowed, now, spare, redis.call('ZCARD', KEYS[3]), math.floor(deniedFor), wakeSlices,
}
`;
