import { FINISH, RESTART_PACE } from './finish.lua.ts';
import { BASICS } from './tell.lua.ts';

/*
 * The scripts of the ledger, one per verb. Keys come from keys.ts.
 *
 * All of them are atomic for one reason: bits, counters and state of a batch must agree. A worker
 * that settles the last fetch and a producer that ends the expansion at the same moment must not
 * both finish the batch, and must not both leave it running.
 *
 * The index of unfinished batches is changed in the same step as the state. Its member '' is the
 * time up to which the registered batches were read into it: version 0.1 registers batches and
 * ends them without knowing the index, so it is a superset that UNFINISHED mends.
 */

/**
 * Records fetches as settled, and how far fetches with pages have come. A bit that is set already
 * is not counted again, nor is a page, so the call may be repeated. A chain of pages never goes
 * back: a worker whose claim was lost may settle late.
 *
 * KEYS     batch hash · settled bitmap · failed bitmap · unfinished ZSET · hash of totals
 *          (each outcome has a bitmap too: the key of the failed bitmap, a colon, the outcome; the
 *          cursors of pages are in a hash: the key of the batch hash, `:pages`)
 * ARGV     a JSON array with four values for each fetch: index, outcome (its position among the
 *          names of the outcomes, from 0), duration in ms, bytes · id · then the names of the
 *          outcomes. For a page, in place of the outcome: its cursor, if another one follows (a
 *          text that begins with the number of the page), or a list of the outcome of the fetch and
 *          1 if its cursor stays
 * Returns  { fetches that were not settled before, 1 if this finished the batch }; { -1, 0 } for an
 *          unknown batch
 */
export const SETTLE = `${FINISH}
if redis.call('EXISTS', KEYS[1]) == 0 then return { -1, 0 } end
local settled, failed, duration, bytes, pages, outcomes = 0, 0, 0, 0, 0, {}
local cursors = KEYS[1] .. ':pages'
local rows = cjson.decode(ARGV[1])
local function pageOf(cursor)
  return tonumber(string.match(cursor or '', '^%d+')) or 0
end
for at = 1, #rows, 4 do
  local index, ending, isCounted = rows[at], rows[at + 1], false
  if type(ending) == 'string' then
    if redis.call('GETBIT', KEYS[2], index) == 0
      and pageOf(ending) > pageOf(redis.call('HGET', cursors, index)) then
      redis.call('HSET', cursors, index, ending)
      pages = pages + 1
      isCounted = true
    end
  elseif redis.call('SETBIT', KEYS[2], index, 1) == 0 then
    if type(ending) == 'table' then
      if ending[2] == 0 then redis.call('HDEL', cursors, index) end
      ending = ending[1]
      if ARGV[ending + 3] == 'ok' then pages = pages + 1 end
    end
    local outcome = ARGV[ending + 3]
    settled = settled + 1
    isCounted = true
    outcomes[outcome] = (outcomes[outcome] or 0) + 1
    if outcome ~= 'ok' then
      failed = failed + 1
      redis.call('SETBIT', KEYS[3], index, 1)
      redis.call('SETBIT', KEYS[3] .. ':' .. outcome, index, 1)
    end
  end
  if isCounted then
    duration = duration + rows[at + 2]
    bytes = bytes + rows[at + 3]
  end
end
if pages > 0 then redis.call('HINCRBY', KEYS[1], 'pages', pages) end
if settled + pages == 0 then return { 0, 0 } end
redis.call('HINCRBY', KEYS[1], 'durationUs', math.floor(duration * 1000))
redis.call('HINCRBY', KEYS[1], 'bytes', bytes)
if settled == 0 then return { 0, 0 } end
redis.call('HINCRBY', KEYS[1], 'settled', settled)
redis.call('HINCRBY', KEYS[1], 'failed', failed)
-- The batch must end also where somebody has put something else there.
redis.pcall('HINCRBY', KEYS[5], 'settled', settled)
redis.pcall('HINCRBY', KEYS[5], 'failed', failed)
for outcome, count in pairs(outcomes) do
  redis.call('HINCRBY', KEYS[1], 'outcome:' .. outcome, count)
end
if failed > 0 and redis.call('HEXISTS', KEYS[1], 'notify') == 1 then
  telling().tellShares(KEYS[1], ARGV[2])
end
return { settled, finishIfDone(KEYS[1], KEYS[4], ARGV[2]) }
`;

/**
 * Adds a batch, in state `expanding`. A repetition changes nothing. Its slices have one origin each
 * while there are workers that cannot read others: those of version 0.1 would reject them.
 *
 * KEYS     batch hash · batches ZSET · unfinished ZSET · workers ZSET · reports of workers HASH
 * ARGV     id · by whom · what the report of a worker has that can · then field and value pairs
 * Returns  1 if the batch is new, 0 otherwise
 */
export const REGISTER = `${FINISH}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local now = nowMs()
local function canAllMix()
  local seen = redis.pcall('ZRANGEBYSCORE', KEYS[4], math.floor(now / 1000) - 15, '+inf')
  for _, worker in ipairs(seen) do
    local report = redis.pcall('HGET', KEYS[5], worker)
    if type(report) ~= 'string' or not string.find(report, ARGV[3], 1, true) then return false end
  end
  return true
end
redis.call('HSET', KEYS[1], 'state', 'expanding', 'createdAt', now, 'settled', 0, 'failed', 0, unpack(ARGV, 4))
if not canAllMix() then redis.call('HDEL', KEYS[1], 'mixesOrigins') end
telling().note(KEYS[1], 'created', ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
return 1
`;

/**
 * Notes that every slice is queued: an expanding batch runs, or is finished if all of its fetches
 * are settled. A batch that was paused meanwhile runs when it is resumed.
 *
 * KEYS     batch hash · unfinished ZSET
 * ARGV     id
 * Returns  1 if this finished the batch, 0 otherwise
 */
export const EXPANDED = `${FINISH}
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'expanding' then redis.call('HSET', KEYS[1], 'state', 'running') end
if state == 'paused' then redis.call('HSET', KEYS[1], 'resumeTo', 'running') end
return finishIfDone(KEYS[1], KEYS[2], ARGV[1])
`;

/**
 * Pauses an expanding or running batch. `resumeTo` keeps the state to return to.
 *
 * KEYS     batch hash · unfinished ZSET
 * ARGV     id · by whom
 * Returns  1 if the state changed, 0 otherwise
 */
export const PAUSE = `${FINISH}
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'expanding' and state ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'paused', 'resumeTo', state, 'pausedAt', nowMs())
telling().note(KEYS[1], 'paused', ARGV[2])
return 1
`;

/**
 * Returns a paused batch to its state before: expanding or running, or finished if all of its
 * fetches are settled.
 *
 * KEYS     batch hash · unfinished ZSET
 * ARGV     id · by whom
 * Returns  1 if the state changed, 0 otherwise
 */
export const UNPAUSE = `${FINISH}${RESTART_PACE}
local f = redis.call('HMGET', KEYS[1], 'state', 'resumeTo')
if f[1] ~= 'paused' then return 0 end
redis.call('HSET', KEYS[1], 'state', f[2] or 'expanding')
redis.call('HDEL', KEYS[1], 'resumeTo', 'pausedAt')
restartPace(KEYS[1])
telling().note(KEYS[1], 'resumed', ARGV[2])
finishIfDone(KEYS[1], KEYS[2], ARGV[1])
return 1
`;

/**
 * Cancels a batch that has not ended.
 *
 * KEYS     batch hash · unfinished ZSET
 * ARGV     id · by whom
 * Returns  1 if the state changed, 0 otherwise
 */
export const CANCEL = `${FINISH}
local state = redis.call('HGET', KEYS[1], 'state')
if not state or state == 'cancelled' or state == 'finished' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'cancelledAt', nowMs())
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], 'resumeTo', 'pausedAt')
local t = telling()
t.note(KEYS[1], 'cancelled', ARGV[2])
t.noteEnd(KEYS[1], ARGV[1])
t.tell(KEYS[1], ARGV[1], 'cancelled')
return 1
`;

/**
 * Replaces the plan of a batch that has not ended. Its fetches must stay the same.
 *
 * KEYS     batch hash
 * ARGV     fingerprint the batch must have · new fingerprint · plan
 * Returns  1 if the plan changed, 0 otherwise
 * Atomic   a batch that ended, or that another producer changed, keeps its plan
 */
export const REPLACE_PLAN = `
local f = redis.call('HMGET', KEYS[1], 'state', 'fingerprint')
if f[1] ~= 'expanding' and f[1] ~= 'running' and f[1] ~= 'paused' then return 0 end
if f[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'plan', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'planRevision', 1)
return 1
`;

/**
 * Replaces the receivers of a batch that has not ended.
 *
 * KEYS     batch hash
 * ARGV     receivers, '' for none · crawl
 * Returns  1 if they were replaced, 0 otherwise
 */
export const REPLACE_RECEIVERS = `
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'expanding' and state ~= 'running' and state ~= 'paused' then return 0 end
redis.call('HDEL', KEYS[1], 'notify', 'sharesTold')
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'notify', ARGV[1]) end
redis.call('HSET', KEYS[1], 'crawl', ARGV[2])
return 1
`;

/**
 * Lets a cancelled batch be expanded again.
 *
 * KEYS     batch hash · unfinished ZSET
 * ARGV     id · by whom
 * Returns  1 if the state changed, 0 otherwise
 */
export const REOPEN = `${FINISH}${RESTART_PACE}
if redis.call('HGET', KEYS[1], 'state') ~= 'cancelled' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'expanding')
redis.call('HDEL', KEYS[1], 'cancelledAt')
addUnfinished(KEYS[1], KEYS[2], ARGV[1])
restartPace(KEYS[1])
telling().note(KEYS[1], 'resumed', ARGV[2])
return 1
`;

/**
 * Reads what a worker needs. The first call sets the start time and the results folder; a worker
 * with another folder adds it.
 *
 * KEYS     batch hash · unfinished ZSET · packed fields
 * ARGV     path of the worker's results folder, '' for none · id · place of it, '' for none ·
 *          its id · by whom
 * Returns  { state, plan, total, createdAt, planRevision, packed fields or '' }; {} for an unknown
 *          batch, whose slices are removed: one that is damaged is not unknown
 */
export const OPEN = `${FINISH}
local f = redis.call('HMGET', KEYS[1], 'state', 'plan', 'total', 'createdAt', 'planRevision')
if not f[1] then return redis.call('EXISTS', KEYS[1]) == 1 and f or {} end
f[6] = redis.call('GET', KEYS[3]) or ''
-- It would spoil the small encoding of the hash.
if f[6] ~= '' then return f end
if redis.call('HSETNX', KEYS[1], 'startedAt', nowMs()) == 1 then telling().note(KEYS[1], 'started', ARGV[5]) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'root:' .. ARGV[3], ARGV[4]) end
if ARGV[1] ~= '' and redis.call('HSETNX', KEYS[1], 'results', ARGV[1]) == 0
  and redis.call('HGET', KEYS[1], 'results') ~= ARGV[1] then
  redis.call('HSETNX', KEYS[1], 'results:' .. ARGV[1], '1')
end
-- Version 0.1 may have retried or resumed it.
if f[1] ~= 'finished' and f[1] ~= 'cancelled' then addUnfinished(KEYS[1], KEYS[2], ARGV[2]) end
return f
`;

/**
 * KEYS     missing-secrets ZSET
 * ARGV     how long the report counts, in ms · then names
 * Returns  1
 */
export const REPORT_MISSING = `${BASICS}
local now = nowMs()
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`;

/**
 * Takes, renews or releases the lease of an expansion.
 *
 * KEYS     lease
 * ARGV     holder · time to live in ms, 0 releases
 * Returns  1 if the caller has (or had) the lease, 0 if another holder has it
 * Atomic   two producers must not both find the lease free
 */
export const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
`;

/**
 * Removes a batch that has ended from the ledger, and notes that its results are still to be
 * removed. A batch that was resumed or retried meanwhile stays.
 *
 * KEYS     batches ZSET · unfinished ZSET · removals HASH · batch hash · then every other key of
 *          the batch
 * ARGV     id · results folder for the note
 * Returns  1 if the batch is (or was) removed, 0 if it stays
 */
export const REMOVE = `
local state = redis.call('HGET', KEYS[4], 'state')
if state and state ~= 'finished' and state ~= 'cancelled' then return 0 end
if state then redis.call('HSET', KEYS[3], ARGV[1], ARGV[2]) end
redis.call('UNLINK', unpack(KEYS, 4))
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`;

/**
 * Moves the fields of a finished batch into one compressed value, except those that other scripts
 * read. Nothing changes them but a retry, which moves them back. The hash is written anew: Redis
 * keeps a hash of short values in little room, but never returns a hash to that encoding.
 *
 * KEYS     batch hash · packed fields
 * ARGV     the compressed value · how often the batch had been retried when it was read · names of
 *          the fields that stay, which every batch has
 * Returns  1 if it was packed; 0 if the batch is not finished, was retried or is packed already
 * Atomic   a retry must find either all fields in the hash or all of them packed
 */
export const PACK = `
local f = redis.call('HMGET', KEYS[1], 'state', 'retries')
if f[1] ~= 'finished' or (f[2] or '0') ~= ARGV[2] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local rest = {}
for i = 3, #ARGV do
  rest[#rest + 1] = ARGV[i]
  rest[#rest + 1] = redis.call('HGET', KEYS[1], ARGV[i])
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(rest))
redis.call('SET', KEYS[2], ARGV[1])
return 1
`;
