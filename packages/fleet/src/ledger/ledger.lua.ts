/*
 * The scripts of the ledger, one per verb. Each is atomic because it moves bits and the counters that
 * must agree with them together. Keys come from keys.ts.
 */

/**
 * Marks the end of a batch where everything is queued and settled. Shared by the scripts below.
 * `state` is finished once, by whoever settles the last fetch or ends the expansion after it.
 */
const FINISH = `
local function nowMs()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function finishIfDone(batch)
  local f = redis.call('HMGET', batch, 'state', 'total', 'settled', 'resumeTo')
  local isQueued = f[1] == 'running' or (f[1] == 'paused' and f[4] == 'running')
  if isQueued and tonumber(f[2]) == tonumber(f[3] or '0') then
    redis.call('HSET', batch, 'state', 'finished', 'finishedAt', nowMs())
    redis.call('HDEL', batch, 'resumeTo')
    return 1
  end
  return 0
end
`;

/** The pace is reckoned from here on: what stood still, or is begun anew, would make it meaningless. Needs FINISH. */
const RESTART_PACE = `
local function restartPace(batch)
  redis.call('HSET', batch, 'paceFrom', nowMs(), 'paceSettled', redis.call('HGET', batch, 'settled') or 0)
end
`;

/**
 * KEYS  batch hash · settled bitmap · failed bitmap (and, beside it, one for each outcome: its key, a colon, the outcome)
 * ARGV  a JSON array of index, outcome (its place among those that follow, from 0), duration in ms and bytes of each fetch; then the outcomes
 * Returns { newly settled, 1 if this finished the batch }, or { -1, 0 } for an unknown batch.
 * A bit that is already set is not counted again: the call may be repeated.
 */
export const SETTLE = `${FINISH}
if redis.call('EXISTS', KEYS[1]) == 0 then return { -1, 0 } end
local settled, failed, duration, bytes, outcomes = 0, 0, 0, 0, {}
local told = cjson.decode(ARGV[1])
for at = 1, #told, 4 do
  local index = told[at]
  if redis.call('SETBIT', KEYS[2], index, 1) == 0 then
    local outcome = ARGV[told[at + 1] + 2]
    settled = settled + 1
    duration = duration + told[at + 2]
    bytes = bytes + told[at + 3]
    outcomes[outcome] = (outcomes[outcome] or 0) + 1
    if outcome ~= 'ok' then
      failed = failed + 1
      redis.call('SETBIT', KEYS[3], index, 1)
      redis.call('SETBIT', KEYS[3] .. ':' .. outcome, index, 1)
    end
  end
end
if settled == 0 then return { 0, 0 } end
redis.call('HINCRBY', KEYS[1], 'settled', settled)
redis.call('HINCRBY', KEYS[1], 'failed', failed)
redis.call('HINCRBY', KEYS[1], 'durationUs', math.floor(duration * 1000))
redis.call('HINCRBY', KEYS[1], 'bytes', bytes)
for outcome, count in pairs(outcomes) do
  redis.call('HINCRBY', KEYS[1], 'outcome:' .. outcome, count)
end
return { settled, finishIfDone(KEYS[1]) }
`;

/**
 * KEYS  batch hash · batches ZSET
 * ARGV  id, then field and value pairs
 * Registers once; a repetition changes nothing. Returns 1 if it was new.
 */
export const REGISTER = `${FINISH}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local now = nowMs()
redis.call('HSET', KEYS[1], 'state', 'expanding', 'createdAt', now, 'settled', 0, 'failed', 0, unpack(ARGV, 2))
redis.call('ZADD', KEYS[2], now, ARGV[1])
return 1
`;

/**
 * KEYS batch hash. Every slice is queued: expanding → running → perhaps finished; a batch that was paused meanwhile runs when it is
 * resumed. Returns 1 if this finished the batch.
 */
export const EXPANDED = `${FINISH}
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'expanding' then redis.call('HSET', KEYS[1], 'state', 'running') end
if state == 'paused' then redis.call('HSET', KEYS[1], 'resumeTo', 'running') end
return finishIfDone(KEYS[1])
`;

/** KEYS batch hash. Remembers where to go on. Returns 1 if the state changed. */
export const PAUSE = `${FINISH}
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'expanding' and state ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'paused', 'resumeTo', state, 'pausedAt', nowMs())
return 1
`;

/** KEYS batch hash. Back to where it was paused: expanding or running, or finished if all is settled. Returns 1 if the state changed. */
export const UNPAUSE = `${FINISH}${RESTART_PACE}
local f = redis.call('HMGET', KEYS[1], 'state', 'resumeTo')
if f[1] ~= 'paused' then return 0 end
redis.call('HSET', KEYS[1], 'state', f[2] or 'expanding')
redis.call('HDEL', KEYS[1], 'resumeTo', 'pausedAt')
restartPace(KEYS[1])
finishIfDone(KEYS[1])
return 1
`;

/** KEYS batch hash. Returns 1 if the state changed. */
export const CANCEL = `${FINISH}
local state = redis.call('HGET', KEYS[1], 'state')
if not state or state == 'cancelled' or state == 'finished' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'cancelledAt', nowMs())
redis.call('HDEL', KEYS[1], 'resumeTo', 'pausedAt')
return 1
`;

/** KEYS batch hash. A cancelled batch is expanded again. Returns 1 if the state changed. */
export const REOPEN = `${FINISH}${RESTART_PACE}
if redis.call('HGET', KEYS[1], 'state') ~= 'cancelled' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'expanding')
redis.call('HDEL', KEYS[1], 'cancelledAt')
restartPace(KEYS[1])
return 1
`;

/**
 * KEYS  batch hash · settled bitmap · failed bitmap (and, beside it, one for each outcome)
 * ARGV  outcomes
 * Forgets that these fetches failed: they are not settled any more, and the batch is to be expanded again. The bits of an outcome are among
 * those of both other bitmaps, so that XOR clears just them, whatever the lengths.
 * Returns { 1 if it may be done in this state, fetches that are to be fetched again }.
 */
export const RETRY = `${FINISH}${RESTART_PACE}
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'finished' and state ~= 'running' and state ~= 'expanding' then return { 0, 0 } end
local cleared = 0
for i = 1, #ARGV do
  local failed = KEYS[3] .. ':' .. ARGV[i]
  local count = redis.call('BITCOUNT', failed)
  if count > 0 then
    redis.call('BITOP', 'XOR', KEYS[2], KEYS[2], failed)
    redis.call('BITOP', 'XOR', KEYS[3], KEYS[3], failed)
    redis.call('DEL', failed)
    redis.call('HINCRBY', KEYS[1], 'outcome:' .. ARGV[i], -count)
    cleared = cleared + count
  end
end
if cleared > 0 then
  redis.call('HINCRBY', KEYS[1], 'settled', -cleared)
  redis.call('HINCRBY', KEYS[1], 'failed', -cleared)
  redis.call('HINCRBY', KEYS[1], 'retries', 1)
  redis.call('HSET', KEYS[1], 'state', 'expanding')
  redis.call('HDEL', KEYS[1], 'finishedAt')
  restartPace(KEYS[1])
end
return { 1, cleared }
`;

/**
 * KEYS  batch hash
 * ARGV  results folder of the worker that asks, '' if it has none to tell
 * Returns { state, plan }; the first call starts the clock of the batch.
 */
export const OPEN = `${FINISH}
local f = redis.call('HMGET', KEYS[1], 'state', 'plan', 'total', 'createdAt')
if not f[1] then return {} end
redis.call('HSETNX', KEYS[1], 'startedAt', nowMs())
if ARGV[1] ~= '' then redis.call('HSETNX', KEYS[1], 'results', ARGV[1]) end
return f
`;

/** KEYS batch hash · missing-secrets ZSET. ARGV how long a report counts, in ms. Returns { now, fields, missing names }. */
export const STATUS = `${FINISH}
local now = nowMs()
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
return { now, redis.call('HGETALL', KEYS[1]), redis.call('ZRANGE', KEYS[2], 0, -1) }
`;

/** KEYS missing-secrets ZSET. ARGV how long a report counts in ms, then names. */
export const REPORT_MISSING = `${FINISH}
local now = nowMs()
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`;

/**
 * KEYS  expansion lease
 * ARGV  holder, time to live in ms (0 releases)
 * A lease of one holder at a time; its holder may renew. Returns 1 if it is (or was) the caller's.
 */
export const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
`;

/**
 * KEYS  batches ZSET · removals HASH · batch hash, then every other key of the batch
 * ARGV  id, what is to be remembered of the removal
 * Removes a batch that has ended from the ledger, and remembers that its results are still to be removed. A batch that somebody has
 * taken up again meanwhile stays. Returns 1 if it is (or was) removed.
 */
export const REMOVE = `
local state = redis.call('HGET', KEYS[3], 'state')
if state and state ~= 'finished' and state ~= 'cancelled' then return 0 end
if state then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
redis.call('UNLINK', unpack(KEYS, 3))
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
`;
