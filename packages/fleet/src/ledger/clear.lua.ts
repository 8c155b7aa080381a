import { FINISH, RESTART_PACE } from './finish.lua.ts';

/**
 * Clears the failures of some outcomes: the fetches are not settled any more, and the batch expands
 * again. The bits of an outcome are also set in the settled and in the failed bitmap, so XOR clears
 * exactly these bits, whatever the lengths of the bitmaps.
 *
 * KEYS     batch hash · settled bitmap · failed bitmap (and one for each outcome, as for SETTLE) ·
 *          unfinished ZSET · packed fields
 * ARGV     id · packed fields that the caller has read, '' if there were none · JSON array of the
 *          fields and values in them · by whom · then outcomes
 * Returns  { 1 if the state allows it, failures that were cleared }; { -1, 0 } if the batch was
 *          packed since the caller has looked
 */
export const RETRY = `${FINISH}${RESTART_PACE}
if (redis.call('GET', KEYS[5]) or '') ~= ARGV[2] then return { -1, 0 } end
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'finished' and state ~= 'running' and state ~= 'expanding' then return { 0, 0 } end
local cleared = 0
for i = 5, #ARGV do
  local failed = KEYS[3] .. ':' .. ARGV[i]
  local count = redis.call('BITCOUNT', failed)
  if count > 0 then
    if redis.call('DEL', KEYS[5]) == 1 then
      redis.call('HSET', KEYS[1], unpack(cjson.decode(ARGV[3])))
    end
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
  redis.call('HDEL', KEYS[1], 'finishedAt', 'sharesTold')
  addUnfinished(KEYS[1], KEYS[4], ARGV[1])
  restartPace(KEYS[1])
  telling().note(KEYS[1], 'retried', ARGV[4], cleared .. ' failed fetches')
end
return { 1, cleared }
`;

/**
 * Clears settled fetches, and the batch expands again. Those of any outcome have lost their
 * records, so those with pages begin with the first page; those of some outcomes have failed, and
 * go on.
 *
 * KEYS     batch hash · settled bitmap · failed bitmap (and one for each outcome, as for SETTLE) ·
 *          unfinished ZSET · packed fields
 * ARGV     id · packed fields as they were read, '' if there are none · the same as a JSON array of
 *          field and value pairs · a JSON array of indexes · a JSON array of the outcomes to clear,
 *          '' for any, also successes · by whom · then outcomes of failures
 * Returns  { 1 if the state allows it, fetches that were settled before }; { -1, 0 } if the batch
 *          was packed or unpacked since it was read
 */
export const UNSETTLE = `${FINISH}${RESTART_PACE}
if (redis.call('GET', KEYS[5]) or '') ~= ARGV[2] then return { -1, 0 } end
local state, retries = unpack(redis.call('HMGET', KEYS[1], 'state', 'retries'))
if state ~= 'finished' and state ~= 'running' and state ~= 'expanding' then return { 0, 0 } end
local cleared, failed, outcomes = 0, 0, {}
local function clear(key, index)
  return redis.call('GETBIT', key, index) == 1 and redis.call('SETBIT', key, index, 0) == 1
end
local wanted
if ARGV[5] ~= '' then
  wanted = {}
  for i, outcome in ipairs(cjson.decode(ARGV[5])) do wanted[i] = KEYS[3] .. ':' .. outcome end
end
local function isWanted(index)
  if not wanted then return true end
  for _, key in ipairs(wanted) do
    if redis.call('GETBIT', key, index) == 1 then return true end
  end
  return false
end
for _, index in ipairs(cjson.decode(ARGV[4])) do
  if isWanted(index) and clear(KEYS[2], index) then
    if not wanted then redis.call('HDEL', KEYS[1] .. ':pages', index) end
    cleared = cleared + 1
    local outcome = 'ok'
    if clear(KEYS[3], index) then
      failed = failed + 1
      for i = 7, #ARGV do
        if clear(KEYS[3] .. ':' .. ARGV[i], index) then outcome = ARGV[i] end
      end
    end
    outcomes[outcome] = (outcomes[outcome] or 0) + 1
  end
end
if cleared > 0 then
  if redis.call('DEL', KEYS[5]) == 1 then
    redis.call('HSET', KEYS[1], unpack(cjson.decode(ARGV[3])))
  end
  redis.call('HINCRBY', KEYS[1], 'settled', -cleared)
  -- Lua writes a negative zero as -0, which is no integer for Redis.
  redis.call('HINCRBY', KEYS[1], 'failed', 0 - failed)
  for outcome, count in pairs(outcomes) do
    redis.call('HINCRBY', KEYS[1], 'outcome:' .. outcome, -count)
  end
  if state ~= 'expanding' or not retries then
    redis.call('HINCRBY', KEYS[1], 'retries', 1)
    telling().note(KEYS[1], 'retried', ARGV[6])
  end
  redis.call('HSET', KEYS[1], 'state', 'expanding')
  redis.call('HDEL', KEYS[1], 'finishedAt', 'sharesTold')
  addUnfinished(KEYS[1], KEYS[4], ARGV[1])
  restartPace(KEYS[1])
end
return { 1, cleared }
`;
