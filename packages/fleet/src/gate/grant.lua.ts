/*
 * What an exchange answers, in two parts of one script. They share the locals that EXCHANGE
 * declares.
 */

/** How far ahead starts are reserved that nobody waits for. */
const RESERVE_US = 10_000;

/** No worker is promised starts further ahead: its lead and its horizon together. */
const MAX_AHEAD_US = 1_500_000;

/** How many fetches may start and when, and when the worker asks again. */
export const GRANT = `
local RESERVE, MAX_AHEAD = ${RESERVE_US}, ${MAX_AHEAD_US}
local interval, burst, concurrency = effectiveLimits(chosenLimits())
local pace = paceOf(interval, concurrency)
local granted, reserved, first, again, state, nextAsk = 0, 0, 0, 0, 'open', 0

-- Slices that have come too early are deferred again, and start nothing here. Where nothing is
-- limited, nobody waits for a turn.
isShared = isShared and pace > 0
if not isShared then early = {} end
if #early > 0 then
  waiting = math.max(0, waiting - earlyFetches)
  want = math.min(want, waiting)
end

-- Fetches that wait at other workers. A worker asks every second, and when it may: one that is late
-- by another second has left.
local waitingElsewhere, waiters, nextAsks = 0, 1, {}
for other, value in pairs(entries.waits) do
  local fetches, askedAt, at = string.match(value, '^(%S+) (%S+) (%S+)$')
  if other == worker then
    nextAsk = tonumber(at)
  elseif math.max(tonumber(askedAt) + 2000000, tonumber(at) + 1000000) < now then
    dropEntry('waits', other)
  else
    waitingElsewhere, waiters = waitingElsewhere + tonumber(fetches), waiters + 1
    if tonumber(at) > now then nextAsks[#nextAsks + 1] = tonumber(at) end
  end
end
-- Whether nobody else can leave something here. A learned rate grows by itself, and patience with an
-- origin that refuses runs out.
local isAlone = waiting > 0 and waiters == 1 and not isShared
isAlone = isAlone and not gate.learned and not gate.deniedSince
for batch in pairs(entries.limits) do
  isAlone = isAlone and isHere[batch]
end

if num('openUntil') > now then
  state, again = 'breaker', num('openUntil') - now
elseif num('blockedUntil') > now then
  state, again = 'blocked', num('blockedUntil') - now
elseif want + ahead > 0 or num('opens') > 0 then
  local free = math.max(0, concurrency - others - inFlight)
  if num('opens') > 0 then
    state = 'probing'
    local expiry = gate.probe and finite(string.match(gate.probe, '(%S+)$')) or 0
    local probes = num('errorUrls') >= 100 and math.min(64, 2 ^ (num('opens') - 1)) or 1
    free = expiry > now and 0 or math.min(free, probes)
    again = 500000
  elseif free < want then
    state = 'concurrency'
    local perEnd = num('durationMs') * 1000 / math.max(1, math.min(concurrency, 1000))
    again = math.max(5000, math.min(1000000, perEnd))
  end
  granted = math.min(want, free)
  if want > 0 then nextAsk = 0 end
  if interval > 0 and (granted > 0 or (ahead > 0 and state == 'open')) then
    -- 2 % slower than allowed: a start that is late by a few ms must not share a second with one
    -- too many.
    interval = interval * 1.02
    local tat = num('tat')
    -- A learned limit changes often, and starts that are promised already do not change with it.
    if num('learned') > 0 then horizon = math.min(horizon, 250000) end
    -- A raised limit holds at once: the time that is owed at the old pace shrinks to the new pace.
    if num('spacing') > interval and tat > now then
      tat = now + (tat - now) * interval / num('spacing')
    end
    set('spacing', interval)
    -- It is later only where the clock of Redis was set back, or a burst has become smaller.
    tat = math.min(math.max(tat, now + lead), now + MAX_AHEAD + burst * interval)
    local tolerance = (burst - 1) * interval
    local slots = math.max(0, math.floor((now + lead + horizon + tolerance - tat) / interval) + 1)
    -- Where a worker has more waiting than it asks for, it would ask again at once, in vain.
    if slots < granted or (slots == granted and waiting > want) then state = 'rate' end
    granted = math.min(granted, slots)
    first = tat - tolerance - now
    if state == 'open' and interval * 10 <= RESERVE then
      -- Slots that nobody waits for: those of the next few ms at most, so that no worker finds them
      -- taken by one that does not need them. At a slower origin each is worth a question.
      local near = math.floor((now + lead + RESERVE + tolerance - tat) / interval) + 1
      reserved = math.max(0, math.min(ahead, math.min(slots, near) - granted))
    end
    set('tat', tat + (granted + reserved) * interval)
    if state == 'rate' then
      -- Ask before the next slot is due, so that it does not pass during the round trip. Each
      -- worker gets another time to ask, a slot apart, or half a horizon where slots are only a few
      -- ms apart.
      local step = math.max(interval, horizon / 2)
      nextAsk = math.max(now + 1000, tat + granted * interval - tolerance - lead - horizon / 2)
      table.sort(nextAsks)
      for _, other in ipairs(nextAsks) do
        if math.abs(other - nextAsk) < 0.75 * step then nextAsk = other + step end
      end
      again = nextAsk - now
    end
  end
  if state == 'concurrency' and interval > 0 then
    -- Promised starts count as in flight. While they use all permits, asking again grants nothing.
    local reach = math.min(horizon, concurrency * interval)
    again = math.max(again, num('tat') - (burst - 1) * interval - lead - reach / 2 - now)
  end
  if granted > 0 then
    if state == 'probing' then
      set('probe', worker .. ' ' .. LEASE_END)
      note('half-open')
    end
  end
end

-- Workers defer nothing at an open origin. What else waits there asks again at once.
if state == 'open' and #early > 0 then state, again = 'rate', 5000 end

local held = inFlight + granted
if held > 0 then
  setEntry('lease', worker, held .. ' ' .. LEASE_END)
else
  dropEntry('lease', worker)
end
waiting = math.max(0, waiting - granted)
if waiting > 0 and (state ~= 'open' or pace > 0) then
  setEntry('waits', worker, waiting .. ' ' .. string.format('%.0f %.0f', now, nextAsk))
else
  dropEntry('waits', worker)
end
`;

/**
 * Names slices that have to be woken. First those that were named and have not come: the answer may
 * have been lost, or its worker has died. Then it takes slices from the waitlist: enough for the
 * fleet's next second, and no more, or they would be deferred again. Slices that come fresh from
 * the queue may be enough for ever: where the next turn is that of a batch that waits at no worker,
 * the batch gets a second of its own.
 */
export const WAKE = `
local wakeSlices, overdueSlices = {}, {}
if state == 'open' or state == 'rate' or state == 'concurrency' then
  local woken, batchesOnTheirWay, overdue = onTheirWay()
  for at = 1, math.min(#overdue, 10) do
    overdueSlices[at] = overdue[at]
    -- It is counted on no more, so that it does not hold up those behind it.
    setEntry('woken', overdue[at], string.format('0 %.0f', now + WOKEN))
  end
  local available, ofSilent, head = waiting + waitingElsewhere + woken, 0, num('head')
  local function isNextLeftOut()
    if not isCheckDue or ofSilent * pace >= 1000000 then return false end
    local batch = batchOf(redis.call('ZRANGE', KEYS[3], 0, 0)[1] or '')
    return isSilent(batch) and not batchesOnTheirWay[batch]
  end
  while deferred > 0 and #overdueSlices + #wakeSlices < 10 do
    local isEnough = available * pace >= 1000000
    if isEnough and not isNextLeftOut() then break end
    local popped = redis.call('ZPOPMIN', KEYS[3])
    if not popped[1] then break end
    deferred = deferred - 1
    wakeSlices[#wakeSlices + 1] = popped[1]
    local fetches = tonumber(popped[2]) % 64
    available = available + fetches
    if isEnough then
      ofSilent = ofSilent + fetches
      set('checkedAt', now)
    end
    head = math.max(head, math.floor(tonumber(popped[2]) / 64))
    leaveFlow(popped[1])
    setEntry('woken', popped[1], string.format('%d %.0f', fetches, now + WOKEN))
  end
  if head > num('head') then set('head', string.format('%.0f', head)) end
end
`;
