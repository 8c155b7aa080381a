import { LEASE_MS } from './protocol.ts';

/*
 * The state of one origin is one hash, which expires when no worker asks any more:
 *
 *   lease:<worker>     "<fetches in flight> <expiry>": permits that the worker holds
 *   waits:<worker>     "<fetches> <asked at> <next ask, or 0>": fetches that wait at the worker
 *   limits:<batch>     "<interval> <burst> <concurrency> <expiry>": limits of its crawl file
 *   tat, spacing       theoretical arrival time of the next start (GCRA), and the interval then
 *   woken:<slice>      "<fetches> <expiry>": a woken slice that has not arrived. After that it is
 *                      woken again, with 0 fetches: it is not counted on
 *   flow:<batch>       "<ticket> <slices>": the last ticket of a batch whose slices are in the
 *                      waitlist, and how many there are. It ends with the last of them
 *   head               virtual time of the waitlist: the ticket of the slice woken last
 *   tail               the latest ticket. Only version 0.1 needs it: it takes the next one there
 *   checkedAt          when a worker was last asked whether silent batches still run
 *   durationMs         moving average of the duration of a fetch
 *   fastestMs          lowest median duration of a report, drifting up
 *   timedOut           share of time-outs among the last hundred fetches or so
 *   blockedUntil       end of a Retry-After or of a back-off
 *   blockedFor         its reason
 *   blockedAt          when that was asked for. Absent: version 0.1 did it
 *   lastError          what the origin did wrong last: why it is blocked or the breaker is open
 *   denials            consecutive refusals without a time, while the origin accepted nothing
 *   deniedSince        since when the origin has refused or failed, and accepted nothing
 *   crawlDelay         interval of robots.txt; kept apart from tat because it outlives a block
 *   learned, learnedAt learned rate, and when it was lowered
 *   ceiling, raisedAt  rate that was refused, and when the learned rate was raised
 *   window, windowAt   learned concurrency, and when it was lowered
 *   second             the second that okNow counts successes of; okBefore: those of the one before
 *   failures           how often in a row the origin was down
 *   errorUrls          different URLs that it answered with 5xx since it answered anything else
 *   opens, openUntil   how often the breaker has opened in a row, and until when
 *   probe              "<worker> <expiry>": the worker that tries a failing origin
 *   sampledAt          when the learned rate was last written to the history
 *   historyUntil       when the history expires. Absent: there is none
 *
 * More keys: a hash of the limits that `origins set` has set, which does not expire; the waitlist,
 * a ZSET of deferred slices scored by 64 × ticket + fetches; and the history (history.lua.ts).
 *
 * Instants and intervals are microseconds by the clock of Redis. Version 0.1 reads and writes the
 * same fields, and may work on the same origin: names and formats stay.
 */

/** Shared: the clock, and reading numbers. */
export const GATE_BASICS = `
local FORGET_MS = 1800000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- How long a lease holds, the limits of a batch beside two intervals, and a woken slice is on its
-- way.
local LEASE, ASKED, WOKEN = ${LEASE_MS * 1_000}, 60000000, 2000000
-- Not NaN or infinite: no script could compute with it.
local function finite(text)
  local number = tonumber(text or '')
  return number and number - number == 0 and number or nil
end
`;

/**
 * Shared by scripts of many origins: functions that work on one origin at a time.
 * `load(keys, hash)` makes it the one whose keys these are, in place of KEYS. The first of them is
 * its hash, of which HGETALL has read the fields. Needs GATE_BASICS.
 *
 * Fields with a colon lie in `entries` by kind and owner, the others in `gate`. Changes reach Redis
 * with `save()`; a script that never calls it only reads.
 *
 * Whoever can write to Redis can write anything into the hash. What no gate has written there is as
 * if it were absent: it must not stop the fetches of an origin.
 *
 * An instant that is later than any that a gate writes is of another clock: that of Redis was set
 * back, or a replica took over whose clock is behind. It is brought forward, or the origin would
 * stand still until the old time has come again. Nothing is brought forward by more than the clock
 * was set back, so limits hold.
 */
export const GATE_FUNCTIONS = `
local KEYS = KEYS
local stored, gate, entries, changed, dropped
-- Of entries, with the instant that LATEST is about.
local SHAPES = {
  lease = '^%d+ (%d+)$',
  limits = '^%d[%d.e+-]* %d+ %d+ (%d+)$',
  waits = '^%d+ (%-?%d+) %-?%d+$',
  woken = '^%d+ (%d+)$',
  flow = '^%d+ %-?%d+$',
}
-- No gate writes later instants into entries and fields, apart from two intervals of a limit.
local LATEST = {
  lease = now + LEASE, limits = now + ASKED, waits = now, woken = now + WOKEN,
  deniedSince = now, learnedAt = now, raisedAt = now, windowAt = now, sampledAt = now,
  checkedAt = now,
}
local TEXTS = { blockedFor = true, lastError = true, probe = true }
local function num(field) return tonumber(gate[field] or '0') end

local function set(field, value)
  if type(value) == 'number' then value = string.format('%.3f', value) end
  gate[field] = value
  changed[field] = value
end
local function drop(field)
  if gate[field] == nil then return end
  gate[field] = nil
  changed[field] = nil
  dropped[#dropped + 1] = field
end
local function setEntry(kind, owner, value)
  entries[kind][owner] = value
  changed[kind .. ':' .. owner] = value
end
local function dropEntry(kind, owner)
  if entries[kind][owner] == nil then return end
  entries[kind][owner] = nil
  changed[kind .. ':' .. owner] = nil
  dropped[#dropped + 1] = kind .. ':' .. owner
end
local function bringForward(kind, owner, value, instant)
  local latest = LATEST[kind]
  if kind == 'limits' then latest = latest + 2 * (finite(string.match(value, '^%S+')) or 0) end
  local early = instant - latest
  if early <= 0 then return end
  setEntry(kind, owner, (string.gsub(value, '%d+', function(number)
    return tonumber(number) > now and string.format('%.0f', number - early) or nil
  end)))
end
local function bringBlocksForward()
  local early = num('blockedAt') - now
  if early > 0 then
    set('blockedAt', now)
    set('blockedUntil', num('blockedUntil') - early)
  end
  if gate.openUntil then
    local longest = math.min(300000000, 2000000 * 2 ^ (math.max(1, num('opens')) - 1))
    if num('openUntil') > now + longest then set('openUntil', now + longest) end
  end
  if not gate.probe then return end
  local prober, expiry = string.match(gate.probe, '^(%S+) (%d+)$')
  if prober and tonumber(expiry) > LATEST.lease then
    set('probe', prober .. string.format(' %.0f', LATEST.lease))
  end
end
local function load(keys, hash)
  KEYS, stored = keys, hash
  gate = {}
  entries = { lease = {}, limits = {}, waits = {}, woken = {}, flow = {} }
  changed, dropped = {}, {}
  for i = 1, #stored, 2 do
    local field, value = stored[i], stored[i + 1]
    local colon = string.find(field, ':', 1, true)
    local kind = colon and string.sub(field, 1, colon - 1)
    if not colon then
      local number = not TEXTS[field] and finite(value)
      if number and number > (LATEST[field] or math.huge) then
        set(field, LATEST[field])
      elseif number or TEXTS[field] then
        gate[field] = value
      end
    elseif entries[kind] then
      local owner, instant = string.sub(field, colon + 1), string.match(value, SHAPES[kind])
      if not instant then
        dropped[#dropped + 1] = field
      else
        entries[kind][owner] = value
        if LATEST[kind] and tonumber(instant) > LATEST[kind] then
          bringForward(kind, owner, value, tonumber(instant))
        end
      end
    end
  end
  bringBlocksForward()
end
local function save()
  -- unpack takes at most about 8,000 values.
  for i = 1, #dropped, 1000 do
    redis.call('HDEL', KEYS[1], unpack(dropped, i, math.min(i + 999, #dropped)))
  end
  local write = {}
  for field, value in pairs(changed) do
    write[#write + 1] = field
    write[#write + 1] = value
  end
  for i = 1, #write, 1000 do
    redis.call('HSET', KEYS[1], unpack(write, i, math.min(i + 999, #write)))
  end
end
`;

/** {@link GATE_FUNCTIONS} for a script of one origin, whose keys are KEYS. */
export const GATE_HASH = `${GATE_BASICS}${GATE_FUNCTIONS}load(KEYS, redis.call('HGETALL', KEYS[1]))
`;
