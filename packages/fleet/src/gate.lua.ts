/*
 * The scripts of the gate. One hash per origin, which expires when nobody asks any more:
 *
 *   lease:<worker>     "<fetches in flight> <expiry>"                             who holds how many permits
 *   limits:<batch>     "<interval> <burst> <concurrency> <expiry>"                what crawl files allow; the strictest holds
 *   tat, spacing       theoretical arrival time of the next start (GCRA), and the interval that it was reckoned with
 *   calledAt, called   when parked fetches were last called back, and how many: not faster than these can start
 *   head, tail         parked fetches: how many have had their turn, how many were ever parked
 *   durationMs         moving average of how long a fetch takes; fastestMs: the least it has taken lately
 *   blockedUntil, blockedFor    the origin said "not now"
 *   denials            times in a row that it refused, named no time, and accepted nothing
 *   crawlDelay         interval that robots.txt asks for; a clock of its own, because it must outlive a block
 *   learned, ceiling, learnedAt, raisedAt     rate found by being refused, where it was refused, when it changed
 *   window, windowAt   concurrency found by timeouts and climbing latency
 *   second, okNow, okBefore     successes of this second and of the one before
 *   failures, opens, openUntil, probe         circuit breaker
 *
 * and one that stays: what `origins set` has set. Instants and intervals are microseconds, by the clock of Redis alone.
 * One script does it all, because a permit, a slot in time and the breaker are one decision for the whole fleet.
 */

/** Helpers of both scripts: time, effective limits. */
const COMMON = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local gate = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do gate[flat[i]] = flat[i + 1] end
local function num(field) return tonumber(gate[field] or '0') end
local dirty = {}
local function set(field, value)
  if type(value) == 'number' then value = string.format('%.3f', value) end
  gate[field] = value
  dirty[field] = value
end
local function drop(field)
  gate[field] = nil
  dirty[field] = nil
  redis.call('HDEL', KEYS[1], field)
end
local settings = redis.call('HMGET', KEYS[2], 'interval', 'burst', 'concurrency')

-- The strictest of all batches; what a person has set comes before; what the origin asks for comes on top.
local function limits()
  local interval, burst, concurrency = 0, nil, nil
  for field, value in pairs(gate) do
    if string.sub(field, 1, 7) == 'limits:' then
      local i, b, c, expiry = string.match(value, '^(%S+) (%S+) (%S+) (%S+)$')
      if tonumber(expiry) <= now then
        redis.call('HDEL', KEYS[1], field)
      else
        interval = math.max(interval, tonumber(i))
        if tonumber(i) > 0 then burst = math.min(burst or tonumber(b), tonumber(b)) end
        if tonumber(c) > 0 then concurrency = math.min(concurrency or tonumber(c), tonumber(c)) end
      end
    end
  end
  if settings[1] then interval = tonumber(settings[1]) end
  if settings[2] then burst = tonumber(settings[2]) end
  if settings[3] then concurrency = tonumber(settings[3]) end
  if settings[3] == '0' then concurrency = nil end
  burst = burst or 1
  if num('crawlDelay') > interval then interval, burst = num('crawlDelay'), 1 end
  if num('learned') > 0 and 1000000 / num('learned') > interval then
    interval, burst = 1000000 / num('learned'), 1
  end
  if num('window') > 0 then concurrency = math.min(concurrency or math.huge, math.floor(num('window'))) end
  return interval, burst, concurrency or math.huge
end
local function leases(worker)
  local others, sharers = 0, 1
  for field, value in pairs(gate) do
    if string.sub(field, 1, 6) == 'lease:' and field ~= 'lease:' .. worker then
      local count, expiry = string.match(value, '^(%S+) (%S+)$')
      if tonumber(expiry) <= now then
        redis.call('HDEL', KEYS[1], field)
      else
        others = others + tonumber(count)
        sharers = sharers + 1
      end
    end
  end
  return others, sharers
end
`;

/**
 * Reports what ended and asks what may start.
 *
 * KEYS  gate hash · settings hash · line of those that were sent away
 * ARGV   1 worker · 2 fetches in flight here · 3 wanted · 4 position of the first of them among the parked, or 0
 *        5 horizon: how far ahead starts may be promised · 6 lease · 7 expiry of the hash, ms
 *        8 ended · 9 their durations added up, ms · 10 successes · 11 refusals (429, 503) · 12 block, ms (0: none) · 13 why
 *       14 failures at the end in a row · 15 timeouts · 16 crawl delay, or -1: not known
 *       17 lead: how long the answer takes to arrive, so that no slot is over by then
 *       18 how many slices the worker could do with besides those it has
 *       19 … id, interval, burst, concurrency of every batch that asks
 * Returns { granted, first start in µs from now (what is before the lead may start at once), spacing in µs, ask again in µs, state, workers sharing,
 *           pace: µs per fetch at the present limits, state changed, fetches in flight allowed to this worker or -1,
 *           the time it is, slices of the line to be called back }
 * state: 0 open, 1 rate, 2 concurrency, 3 blocked, 4 breaker open, 5 half-open
 */
export const EXCHANGE = `${COMMON}
local worker, held, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local position, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])
local lease, expiryMs = tonumber(ARGV[6]), tonumber(ARGV[7])
local ended, totalMs, ok, refused = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local blockUs, failures, timeouts = tonumber(ARGV[12]) * 1000, tonumber(ARGV[14]), tonumber(ARGV[15])
local others, sharers = leases(worker)
local before = (num('openUntil') > 0 and 'b' or '') .. (num('blockedUntil') > now and 'w' or '')

for i = 19, #ARGV, 4 do
  -- Whose turns are far apart asks rarely, and its limits hold all the same.
  local expiry = now + 60000000 + 2 * tonumber(ARGV[i + 1])
  set('limits:' .. ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2] .. ' ' .. ARGV[i + 3] .. ' ' .. string.format('%.0f', expiry))
end
if tonumber(ARGV[16]) >= 0 then set('crawlDelay', tonumber(ARGV[16])) end

-- What ended: pace.
if ended > 0 then
  local average = totalMs / ended
  local moving = gate.durationMs and num('durationMs') or average
  set('durationMs', moving + (average - moving) * math.min(1, 0.1 * ended))
  -- The least, drifting up, so that an origin that became slower for good is not suspected for ever.
  local fastest = gate.fastestMs and num('fastestMs') * (1 + 0.001 * ended) or average
  set('fastestMs', math.min(fastest, average))
end

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

-- Timeouts, or answers that take far longer than they did: fewer at a time.
local inUse = others + held
if timeouts > 0 or (ended >= 5 and totalMs / ended > 5 * num('fastestMs') + 200) then
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

-- Circuit breaker.
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

-- What may start.
local interval, burst, concurrency = limits()
local granted, first, again, state = 0, 0, 0, 0
local pace = interval
if concurrency < math.huge then pace = math.max(pace, num('durationMs') * 1000 / concurrency) end
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
  if interval > 0 and granted > 0 then
    -- A little slower than allowed, so that what is late by a few ms does not meet what is on time in one second.
    interval = interval * 1.02
    local lead = tonumber(ARGV[17])
    local tat = num('tat')
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
    -- Asked ahead of the slot, so that none passes while the question is under way.
    again = math.max(1000, tat + granted * interval - tolerance - now - lead - horizon / 2)
  end
  if granted > 0 then
    if state == 5 then set('probe', worker .. ' ' .. string.format('%.0f', now + lease)) end
    -- Where slots are left over, whoever stood before this one has gone: the line begins here.
    if position > 0 and granted == want and state == 0 then set('head', math.max(num('head'), position)) end
    if position > 0 then set('head', math.min(math.max(num('tail'), num('head')), num('head') + granted)) end
  end
end
local mine = held + granted
if mine > 0 then
  set('lease:' .. worker, mine .. ' ' .. string.format('%.0f', now + lease))
elseif gate['lease:' .. worker] then
  drop('lease:' .. worker)
end

local callBack = {}
local hunger = tonumber(ARGV[18])
if hunger > 0 and state < 3 and now >= num('calledAt') + num('called') * pace / 3 then
  local popped = redis.call('ZPOPMIN', KEYS[3], hunger)
  for i = 1, #popped, 2 do callBack[#callBack + 1] = popped[i] end
  -- Not much faster than what was called can start, or those that find others waiting would be called again and again.
  if #popped > 0 then
    local following = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
    local most = 50 * #callBack
    local fetches = following[2] and math.min(most, tonumber(following[2]) - tonumber(popped[2])) or most
    set('calledAt', now)
    set('called', math.max(1, fetches))
  end
end

local write = {}
for field, value in pairs(dirty) do write[#write + 1] = field write[#write + 1] = value end
if #write > 0 then redis.call('HSET', KEYS[1], unpack(write)) end
local last = math.max(now, num('blockedUntil'), num('openUntil'), num('tat'))
redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + expiryMs)
local after = (num('openUntil') > 0 and 'b' or '') .. (num('blockedUntil') > now and 'w' or '')
local allowed = concurrency < math.huge and mine or -1
return { granted, math.floor(first), math.floor(interval), math.floor(again), state, sharers, math.floor(pace), before == after and 0 or 1, allowed, now, callBack }
`;

/**
 * KEYS  gate hash · settings hash · line
 * ARGV   1 fetches that leave without having started · 2 the position they were given before, or 0 · 3 expiry of the hash, ms
 *        4 id of their slice
 * Returns { position, due in ms }: a place in the line of the parked, and when it will come up at the present pace. Asking
 * again with the same position costs no place, and notices that limits have changed.
 */
export const PARK = `${COMMON}
local count, position = tonumber(ARGV[1]), tonumber(ARGV[2])
-- A place that was given before all was forgotten here is worth nothing.
if position == 0 or position > math.max(num('tail'), num('head')) then
  position = math.max(num('tail'), num('head')) + count
  redis.call('HSET', KEYS[1], 'tail', string.format('%.0f', position))
end
local interval, burst, concurrency = limits()
local pace = interval
if concurrency < math.huge then pace = math.max(pace, num('durationMs') * 1000 / concurrency) end
local ahead = math.max(0, position - num('head') - count)
-- After a block the line moves on from where it stood.
local due = ahead * pace + math.max(0, num('blockedUntil') - now, num('openUntil') - now)
redis.call('ZADD', KEYS[3], position, ARGV[4])
local keepMs = math.ceil(math.max(due, num('tat') - now) / 1000) + tonumber(ARGV[3])
for i = 1, 3, 2 do redis.call('PEXPIRE', KEYS[i], keepMs) end
return { position, math.ceil(due / 1000) }
`;
