import { BASICS, POST, TELL } from '../ledger/tell.lua.ts';

/*
 * The scripts of schedules, one per verb. All of them are atomic for one reason: several workers
 * wake up for the same tick, and a decision depends on the schedule, its runs and the state of
 * their batches together.
 *
 * The keys of batches are built in here from a prefix. All keys carry the hash tag of the fleet, so
 * they are on the same node.
 */

/** Shared: reads and changes the history of runs. */
const RUNS = `${BASICS}
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
-- The queued run that may start now, and its place. That of a tick also waits while the schedule is
-- paused.
local function startable(schedule, runs, batches)
  local run, at = find(runs, function(one) return one.state == 'queued' end)
  if not run or find(runs, underWay(batches)) then return end
  if run.kind == 'tick' and redis.call('HGET', schedule, 'paused') == '1' then return end
  return run, at
end
-- Drops the oldest run beyond 'max', but never one that is under way: it still blocks the next one.
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
 * Adds a schedule or changes it; its history stays. If cron or tz change, no past tick is caught
 * up.
 *
 * KEYS     schedule hash · ids SET · runs LIST
 * ARGV     id · name of the crawl · terms · crawl · digest of both · cron · tz · receivers or '' ·
 *          context of a span or ''
 * Returns  { 'added', 'changed' or 'unchanged', terms and crawl before or '' }
 */
export const PUT = `${RUNS}
local old = redis.call('HMGET', KEYS[1], 'digest', 'cron', 'tz', 'terms', 'crawl')
if old[1] == ARGV[5] then return { 'unchanged', old[4], old[5] } end
local now = nowMs()
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'terms', ARGV[3], 'crawl', ARGV[4],
  'digest', ARGV[5], 'cron', ARGV[6], 'tz', ARGV[7], 'changedAt', now)
if ARGV[8] == '' then redis.call('HDEL', KEYS[1], 'notify') else redis.call('HSET', KEYS[1], 'notify', ARGV[8]) end
if ARGV[9] == '' then redis.call('HDEL', KEYS[1], 'trace') else redis.call('HSET', KEYS[1], 'trace', ARGV[9]) end
redis.call('HINCRBY', KEYS[1], 'revision', 1)
if old[2] ~= ARGV[6] or old[3] ~= ARGV[7] then redis.call('HSET', KEYS[1], 'lastTick', now) end
if old[1] then return { 'changed', old[4], old[5] } end
redis.call('HSET', KEYS[1], 'createdAt', now, 'paused', 0)
redis.call('SADD', KEYS[2], ARGV[1])
return { 'added', '', '' }
`;

/**
 * Pauses or resumes a schedule. Ticks that passed while it was paused are not caught up.
 *
 * KEYS     schedule hash
 * ARGV     1 pauses, 0 resumes
 * Returns  1 if that changed anything, 0 otherwise, -1 for an unknown schedule
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

/**
 * Removes a schedule with its history.
 *
 * KEYS     schedule hash · ids SET · runs LIST · ZSET of its batches
 * ARGV     id
 * Returns  its crawl, or ''
 */
export const REMOVE = `
local crawl = redis.call('HGET', KEYS[1], 'crawl')
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4])
redis.call('SREM', KEYS[2], ARGV[1])
return crawl or ''
`;

/** Shared: the fields that READ and LOOK return. */
const FIELDS = `redis.call('HMGET', KEYS[1], 'name', 'terms', 'paused', 'revision', 'lastTick', 'createdAt', 'changedAt',
  'lastFinish', 'lastSuccess', 'runs:started', 'runs:failed', 'runs:skipped', 'runs:missed')`;

/**
 * KEYS     schedule hash · runs LIST
 * Returns  { now in epoch ms, fields in the order above, runs with the newest first }
 */
export const READ = `${RUNS}
return { nowMs(), ${FIELDS}, redis.call('LRANGE', KEYS[2], 0, -1) }
`;

/**
 * Reads a schedule without its runs, but for the one that only a worker can go on with: that is
 * starting, or may start. Runs that have ended are not decoded.
 *
 * KEYS     schedule hash · runs LIST
 * ARGV     prefix of batch hashes
 * Returns  { now in epoch ms, fields in the order above, { the run as JSON } or {} }
 */
export const LOOK = `${RUNS}
local run
for _, text in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  if string.find(text, '"state":"starting"', 1, true) then
    run = cjson.decode(text)
  elseif not run and string.find(text, '"state":"queued"', 1, true) then
    run = startable(KEYS[1], KEYS[2], ARGV[1])
  end
end
return { nowMs(), ${FIELDS}, run and { cjson.encode(run) } or {} }
`;

/**
 * Decides what a tick or a manual run becomes. This is the one place where a tick becomes a run: a
 * second worker with the same tick gets 'known'.
 *
 * KEYS     schedule hash · runs LIST
 * ARGV     a JSON document, see `DecisionRequest` in schedule-store.ts
 * Returns  { 'decided', 'known', 'paused', 'changed' or 'gone', the run as JSON or '' }
 */
export const DECIDE = `${RUNS}
local request = cjson.decode(ARGV[1])
local s = redis.call('HMGET', KEYS[1], 'revision', 'paused', 'lastTick')
if not s[1] then return { 'gone', '' } end
if tonumber(s[1]) ~= request.revision then return { 'changed', '' } end
if request.kind == 'tick' then
  if s[2] == '1' then return { 'paused', '' } end
  if request.at <= tonumber(s[3]) then return { 'known', '' } end
  redis.call('HSET', KEYS[1], 'lastTick', request.at)
elseif find(KEYS[2], function(run) return run.key == request.key end) then
  return { 'known', '' }
end
local now = nowMs()
local function record(run) push(KEYS[2], run, request.maxRuns, request.batchPrefix) end
local isMissed = request.verdict == 'missed'
if isMissed or request.older > 0 then
  local missed = { key = request.key .. '-missed', kind = 'tick', state = 'missed', decidedAt = now, reason = request.missedReason }
  missed.at = isMissed and request.at or request.olderAt
  missed.count = request.older + (isMissed and 1 or 0)
  record(missed)
  redis.call('HINCRBY', KEYS[1], 'runs:missed', missed.count)
  if isMissed then return { 'decided', cjson.encode(missed) } end
end
local run = { key = request.key, kind = request.kind, at = request.at, state = 'starting', decidedAt = now, batch = request.batch }
if request.isCaughtUp then run.isCaughtUp = true end
local before = request.overlap ~= 'allow' and find(KEYS[2], underWay(request.batchPrefix))
local queued = find(KEYS[2], function(other) return other.state == 'queued' end)
if request.overlap == 'queue' and queued then
  run.state, run.batch, run.reason = 'skipped', nil, 'one run waits already for the batch before'
elseif request.overlap == 'queue' and before then
  run.state, run.reason = 'queued', 'waits for batch ' .. before.batch
elseif before then
  run.state, run.batch, run.reason = 'skipped', nil, 'batch ' .. before.batch .. ' has not ended'
end
record(run)
if run.state == 'skipped' then redis.call('HINCRBY', KEYS[1], 'runs:skipped', 1) end
return { 'decided', cjson.encode(run) }
`;

/**
 * Starts a queued run once no other run is under way.
 *
 * KEYS     schedule hash · runs LIST
 * ARGV     prefix of batch hashes
 * Returns  the run as JSON, or ''
 */
export const ADVANCE = `${RUNS}
local run, at = startable(KEYS[1], KEYS[2], ARGV[1])
if not run then return '' end
run.state, run.reason = 'starting', nil
redis.call('LSET', KEYS[2], at, cjson.encode(run))
return cjson.encode(run)
`;

/**
 * Records how a starting run has ended, and tells of one that has failed. Its batch is cancelled
 * then, if it was registered: an unfinished one would make the schedule skip all later runs. While
 * somebody has the lease of its expansion, the run has started, whatever a worker could not do.
 *
 * KEYS     runs LIST · schedule hash · ZSET of its batches · unfinished ZSET
 * ARGV     key of the run · 'started' or 'failed' · reason or '' · id of the schedule · prefix of
 *          batch hashes
 * Returns  1 if that is recorded; 0 if the run was not starting, or has started instead
 */
export const CONCLUDE = `${RUNS}${POST}${TELL}
local run, at = find(KEYS[1], function(one) return one.key == ARGV[1] end)
if not run or run.state ~= 'starting' then return 0 end
local batch = run.batch and ARGV[5] .. run.batch
local state = batch and redis.call('HGET', batch, 'state')
run.state = ARGV[2]
if state == 'expanding' and redis.call('EXISTS', batch .. ':expansion') == 1 then
  run.state = 'started'
elseif ARGV[3] ~= '' then
  run.reason = ARGV[3]
end
redis.call('LSET', KEYS[1], at, cjson.encode(run))
redis.call('HINCRBY', KEYS[2], 'runs:' .. run.state, 1)
if state then redis.call('ZADD', KEYS[3], run.decidedAt, run.batch) end
if run.state ~= 'failed' then return run.state == ARGV[2] and 1 or 0 end
if state == 'expanding' then
  redis.call('HSET', batch, 'state', 'cancelled', 'cancelledAt', nowMs())
  redis.call('ZREM', KEYS[4], run.batch)
  note(batch, 'cancelled', 'schedule ' .. ARGV[4], ARGV[3])
end
local about = redis.call('HMGET', KEYS[2], 'name', 'notify')
post(KEYS[2], about[2], 'failed-to-start', {
  batch = run.batch or '', at = nowMs(), name = about[1], schedule = ARGV[4], reason = ARGV[3],
  seed = ARGV[4] .. '|' .. run.key,
})
return 1
`;

/**
 * Adds batches to those of a schedule, once in its life.
 *
 * KEYS     schedule hash · ZSET of its batches
 * ARGV     score and batch pairs
 * Returns  1 if they were added now, 0 otherwise
 */
export const ADOPT = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HSETNX', KEYS[1], 'adopted', 1) == 0 then return 0 end
if #ARGV > 0 then redis.call('ZADD', KEYS[2], 'NX', unpack(ARGV)) end
return 1
`;
