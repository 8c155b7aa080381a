/*
 * The scripts of schedules, one per verb. They decide over a schedule, its runs and the state of its batches together; all of
 * these keys carry the hash tag of the fleet, so they are on one node also where a batch's key is built in here.
 */

/** Shared: the history, and what of it is still under way. */
const RUNS = `
local function nowMs()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function find(runs, matches)
  for i, text in ipairs(redis.call('LRANGE', runs, 0, -1)) do
    local run = cjson.decode(text)
    if matches(run) then return run, i - 1 end
  end
end
local function underWay(batches)
  return function(run)
    if run.state == 'starting' then return true end
    if run.state ~= 'started' then return false end
    local state = redis.call('HGET', batches .. run.batch, 'state')
    return state == 'expanding' or state == 'running' or state == 'paused'
  end
end
-- The oldest goes; but what is forgotten while it is under way would no longer keep the next one back.
local function push(runs, run, max, batches)
  redis.call('LPUSH', runs, cjson.encode(run))
  local kept, isUnderWay = redis.call('LRANGE', runs, 0, -1), underWay(batches)
  for i = #kept, max + 1, -1 do
    for j = #kept, 1, -1 do
      local old = cjson.decode(kept[j])
      if old.state ~= 'queued' and not isUnderWay(old) then
        redis.call('LREM', runs, -1, kept[j])
        table.remove(kept, j)
        break
      end
    end
  end
end
`;

/**
 * KEYS  schedule hash · ids SET · runs LIST
 * ARGV  id, name of the crawl, terms, crawl, digest of both, cron, tz
 * Adds a schedule or changes it; its history stays. Where cron or tz change, no tick of the past is caught up.
 * Returns { added | changed | unchanged, terms and crawl before or '' }.
 */
export const PUT = `${RUNS}
local old = redis.call('HMGET', KEYS[1], 'digest', 'cron', 'tz', 'terms', 'crawl')
if old[1] == ARGV[5] then return { 'unchanged', old[4], old[5] } end
local now = nowMs()
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'terms', ARGV[3], 'crawl', ARGV[4],
  'digest', ARGV[5], 'cron', ARGV[6], 'tz', ARGV[7], 'changedAt', now)
redis.call('HINCRBY', KEYS[1], 'revision', 1)
if old[2] ~= ARGV[6] or old[3] ~= ARGV[7] then redis.call('HSET', KEYS[1], 'lastTick', now) end
if old[1] then return { 'changed', old[4], old[5] } end
redis.call('HSET', KEYS[1], 'createdAt', now, 'paused', 0)
redis.call('SADD', KEYS[2], ARGV[1])
return { 'added', '', '' }
`;

/**
 * KEYS  schedule hash
 * ARGV  1 pauses, 0 resumes
 * Ticks that passed while it was paused are not caught up. Returns 1 if that changed anything, -1 for an unknown schedule.
 */
export const PAUSE = `${RUNS}
local paused = redis.call('HGET', KEYS[1], 'paused')
if not paused then return -1 end
if paused == ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'paused', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'revision', 1)
if ARGV[1] == '0' then redis.call('HSET', KEYS[1], 'lastTick', nowMs()) end
return 1
`;

/** KEYS schedule hash · ids SET · runs LIST. ARGV id. Returns the crawl it had, or ''. */
export const REMOVE = `
local crawl = redis.call('HGET', KEYS[1], 'crawl')
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('SREM', KEYS[2], ARGV[1])
return crawl or ''
`;

/** KEYS schedule hash · runs LIST. Returns { now, fields in the order below, runs }, newest run first. */
export const READ = `${RUNS}
local fields = redis.call('HMGET', KEYS[1], 'name', 'terms', 'paused', 'revision', 'lastTick', 'createdAt', 'changedAt')
return { nowMs(), fields, redis.call('LRANGE', KEYS[2], 0, -1) }
`;

/**
 * KEYS  schedule hash · runs LIST
 * ARGV  revision, key, kind, at, batch, verdict, caught up (1 or 0), older ticks that were missed, overlap,
 *       prefix of batch hashes, runs kept, reason for a missed tick, when the latest older one was
 * The one place where a tick becomes a run: whoever comes second finds it known.
 * Returns { decided | known | paused | changed | gone, the run as JSON or '' }.
 */
export const DECIDE = `${RUNS}
local s = redis.call('HMGET', KEYS[1], 'revision', 'paused', 'lastTick')
if not s[1] then return { 'gone', '' } end
if s[1] ~= ARGV[1] then return { 'changed', '' } end
local max, at, isTick = tonumber(ARGV[11]), tonumber(ARGV[4]), ARGV[3] == 'tick'
if isTick then
  if s[2] == '1' then return { 'paused', '' } end
  if at <= tonumber(s[3]) then return { 'known', '' } end
  redis.call('HSET', KEYS[1], 'lastTick', at)
elseif find(KEYS[2], function(run) return run.key == ARGV[2] end) then
  return { 'known', '' }
end
local now = nowMs()
if ARGV[6] == 'missed' or tonumber(ARGV[8]) > 0 then
  local count = tonumber(ARGV[8]) + (ARGV[6] == 'missed' and 1 or 0)
  local missed = { key = ARGV[2] .. '-missed', kind = 'tick', at = ARGV[6] == 'missed' and at or tonumber(ARGV[13]), state = 'missed', decidedAt = now, count = count, reason = ARGV[12] }
  push(KEYS[2], missed, max, ARGV[10])
  if ARGV[6] == 'missed' then return { 'decided', cjson.encode(missed) } end
end
local run = { key = ARGV[2], kind = ARGV[3], at = at, state = 'starting', decidedAt = now, batch = ARGV[5] }
if ARGV[7] == '1' then run.isCaughtUp = true end
local before = ARGV[9] ~= 'allow' and find(KEYS[2], underWay(ARGV[10]))
local queued = find(KEYS[2], function(other) return other.state == 'queued' end)
if ARGV[9] == 'queue' and queued then
  run.state, run.batch, run.reason = 'skipped', nil, 'one run waits already for the batch before'
elseif ARGV[9] == 'queue' and before then
  run.state, run.reason = 'queued', 'waits for batch ' .. before.batch
elseif before then
  run.state, run.batch, run.reason = 'skipped', nil, 'batch ' .. before.batch .. ' has not ended'
end
push(KEYS[2], run, max, ARGV[10])
return { 'decided', cjson.encode(run) }
`;

/**
 * KEYS  schedule hash · runs LIST
 * ARGV  prefix of batch hashes
 * Lets a queued run start once nothing else is under way; one of a tick waits while the schedule is paused.
 * Returns the run as JSON, or ''.
 */
export const ADVANCE = `${RUNS}
local run, at = find(KEYS[2], function(one) return one.state == 'queued' end)
if not run or find(KEYS[2], underWay(ARGV[1])) then return '' end
if run.kind == 'tick' and redis.call('HGET', KEYS[1], 'paused') == '1' then return '' end
run.state, run.reason = 'starting', nil
redis.call('LSET', KEYS[2], at, cjson.encode(run))
return cjson.encode(run)
`;

/**
 * KEYS  runs LIST
 * ARGV  key of a run, started or failed, reason or ''
 * How a run that was starting has ended. Returns 1 if it was starting.
 */
export const CONCLUDE = `${RUNS}
local run, at = find(KEYS[1], function(one) return one.key == ARGV[1] end)
if not run or run.state ~= 'starting' then return 0 end
run.state = ARGV[2]
if ARGV[3] ~= '' then run.reason = ARGV[3] end
redis.call('LSET', KEYS[1], at, cjson.encode(run))
return 1
`;
