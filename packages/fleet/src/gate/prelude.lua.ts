/*
 * What the scripts of the gate share. One hash per origin, which expires when nobody asks any more:
 *
 *   lease:<worker>     "<fetches in flight> <expiry>"                             who holds how many permits
 *   waits:<worker>     "<fetches> <told at> <appointment, or 0>"                  who has how many waiting, and when it asks again
 *   limits:<batch>     "<interval> <burst> <concurrency> <expiry>"                what crawl files allow; the strictest holds
 *   tat, spacing       theoretical arrival time of the next start (GCRA), and the interval that it was reckoned with
 *   calledAt, called   deferred fetches that were called back and have not come yet, and since when
 *   head, tail         deferred fetches: how many have had their turn, how many were ever deferred
 *   durationMs         moving average of how long a fetch takes; fastestMs: the least that most of a report have taken lately
 *   timedOut           share of timeouts among the last hundred fetches or so
 *   blockedUntil, blockedFor    the origin said "not now"
 *   denials            times in a row that it refused, named no time, and accepted nothing
 *   deniedSince        since when it has refused or failed, and accepted nothing
 *   crawlDelay         interval that robots.txt asks for; a clock of its own, because it must outlive a block
 *   learned, ceiling, learnedAt, raisedAt     rate found by being refused, where it was refused, when it changed
 *   window, windowAt   concurrency found by timeouts and climbing latency
 *   second, okNow, okBefore     successes of this second and of the one before
 *   failures, opens, openUntil, probe         circuit breaker
 *
 * one that stays, with what `origins set` has set, and the line: slices that were sent away, scored by 64 × ticket + fetches.
 * Instants and intervals are microseconds, by the clock of Redis alone. One script does it all, because a permit, a slot in time
 * and the breaker are one decision for the whole fleet.
 */

/** Time, the hash, effective limits, leases, pace. */
export const PRELUDE = `
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
  local others = 0
  for field, value in pairs(gate) do
    if string.sub(field, 1, 6) == 'lease:' and field ~= 'lease:' .. worker then
      local count, expiry = string.match(value, '^(%S+) (%S+)$')
      if tonumber(expiry) <= now then
        redis.call('HDEL', KEYS[1], field)
      else
        others = others + tonumber(count)
      end
    end
  end
  return others
end
local function paceOf(interval, concurrency)
  if concurrency == math.huge then return interval end
  return math.max(interval, num('durationMs') * 1000 / concurrency)
end
`;
