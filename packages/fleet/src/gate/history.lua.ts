/*
 * What has happened at an origin, in two lists beside its hash, the newest first:
 *
 *   <hash>:events  "<at> <last> <times> <until, or 0> <event> <by, or -> <text>", at most 50
 *   <hash>:rates   "<at> <rate>": the learned rate, one a minute, at most 60
 *
 *   blocked    until then; text: why
 *   opened     the breaker, until then; text: why
 *   half-open  a fetch probes the origin
 *   closed     the breaker: the origin answers again
 *   slowed     the learned rate was lowered; text: starts per second
 *   narrowed   the learned concurrency was lowered; text: fetches in flight
 *   set        limits, by a person; text: which
 *   unset      limits, by a person
 *   forgotten  what was learned, by a person
 *   tried      a person has ended what kept the origin shut; text: what that was
 *
 * Instants are epoch milliseconds by the clock of Redis. The lists expire with the hash, whose
 * field `historyUntil` says when they do.
 */

/** Entries that are kept: an origin that is in trouble for days does not fill Redis. */
export const MAX_EVENTS = 50;
/** One a minute. */
export const MAX_RATES = 60;

/**
 * Writes what happens, and only then: an exchange in which nothing happens costs no command. Needs
 * GATE_HASH; the lists have the hash tag of KEYS[1].
 *
 * Whoever can write to Redis can put something else in their place: then nothing is noted.
 */
export const HISTORY = `
local function eventsKey() return KEYS[1] .. ':events' end
local function ratesKey() return KEYS[1] .. ':rates' end
local REPEATED = { blocked = true, opened = true, slowed = true, narrowed = true }
local isNoted = false

local function eventAt(place)
  local entry = redis.pcall('LINDEX', eventsKey(), place)
  local at, last, times, till, event =
    string.match(type(entry) == 'string' and entry or '', '^(%d+) (%d+) (%d+) (%d+) (%S+) ')
  return {
    at = tonumber(at or 0), last = tonumber(last or 0), times = tonumber(times or 0),
    till = tonumber(till or 0), event = event,
  }
end

-- What repeats itself within ten minutes is one entry: refusals that go on, a block that grows, a
-- breaker whose probes fail.
local function note(event, text, untilUs, by)
  local nowMs, untilMs = math.floor(now / 1000), math.floor((untilUs or 0) / 1000)
  local atMs, times, newest = nowMs, 1, eventAt(0)
  local hasProbeFailed = event == 'opened' and newest.event == 'half-open'
    and eventAt(1).event == 'opened'
  if hasProbeFailed then
    redis.pcall('LPOP', eventsKey())
    newest = eventAt(0)
  end
  local isSame = newest.event == event
  local isRecent = nowMs - math.max(newest.last, newest.till) < 600000
  if isSame and event == 'half-open' then return end
  if hasProbeFailed or (isSame and isRecent and REPEATED[event]) then
    local isGrowing = event == 'blocked' and newest.till > nowMs
    if isGrowing and untilMs - newest.till < 1000 then return end
    atMs, times = newest.at, isGrowing and newest.times or newest.times + 1
    redis.pcall('LPOP', eventsKey())
  end
  local who = by and by ~= '' and string.gsub(by, '%s', '_') or '-'
  redis.pcall('LPUSH', eventsKey(), string.format('%.0f %.0f %.0f %.0f %s %s %s',
    atMs, nowMs, times, untilMs, event, who, text or ''))
  redis.pcall('LTRIM', eventsKey(), 0, ${MAX_EVENTS - 1})
  isNoted = true
end

local function sampleLearnedRate()
  if num('learned') == 0 or math.abs(now - num('sampledAt')) < 60000000 then return end
  set('sampledAt', now)
  redis.pcall('LPUSH', ratesKey(), string.format('%.0f %.3f', now / 1000, num('learned')))
  redis.pcall('LTRIM', ratesKey(), 0, ${MAX_RATES - 1})
  isNoted = true
end

-- To be called before save() with how long the hash is kept. Ten minutes more, so that few
-- exchanges have to prolong it.
local function keepHistory(keepMs)
  local untilUs = now + keepMs * 1000
  if not isNoted and (not gate.historyUntil or num('historyUntil') >= untilUs) then return end
  for _, list in ipairs({ eventsKey(), ratesKey() }) do redis.call('PEXPIRE', list, keepMs + 600000) end
  set('historyUntil', untilUs + 600000000)
end
`;
