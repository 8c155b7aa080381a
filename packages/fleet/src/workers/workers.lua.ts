/*
 * The register of workers: a ZSET scored by the epoch seconds of each worker's last heartbeat, and
 * a HASH with its last report. Each script is atomic, because a worker is in both keys or in
 * neither.
 */

/**
 * KEYS  workers ZSET · reports HASH · drains SET
 * ARGV  1 worker id · 2 its report (JSON) · 3 seconds without a heartbeat until a worker is deleted
 * Returns 1 if somebody has asked it to drain, else 0
 */
export const HEARTBEAT = `
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
redis.call('ZADD', KEYS[1], string.format('%.3f', now), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local before = string.format('(%.3f', now - ARGV[3])
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, 1000)
if #silent > 0 then
  redis.call('ZREM', KEYS[1], unpack(silent))
  redis.call('HDEL', KEYS[2], unpack(silent))
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
return redis.call('SISMEMBER', KEYS[3], ARGV[1])
`;

/**
 * KEYS  workers ZSET · reports HASH · drains SET
 * ARGV  1 worker id
 * Returns 1 if the worker was registered, else 0
 */
export const REMOVE = `
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
`;

/**
 * Asks a worker to drain. It learns that with its next heartbeat.
 *
 * KEYS  workers ZSET · reports HASH · drains SET
 * ARGV  1 worker id · 2 seconds until the question is forgotten
 * Returns 1 if the worker is registered, else 0
 */
export const ASK_TO_DRAIN = `
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('EXPIRE', KEYS[3], ARGV[2])
return 1
`;

/**
 * KEYS  workers ZSET · reports HASH
 * ARGV  1 age of the oldest heartbeat that is listed, in seconds
 * Returns { now in epoch ms, ids and the epoch seconds of their heartbeats in turn, their reports }
 */
export const LIST = `
local t = redis.call('TIME')
local since = string.format('%.3f', t[1] - ARGV[1])
local seen = redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'WITHSCORES')
local ids, reports = {}, {}
for i = 1, #seen, 2 do ids[#ids + 1] = seen[i] end
-- unpack takes at most about 8,000 values.
for i = 1, #ids, 1000 do
  local some = redis.call('HMGET', KEYS[2], unpack(ids, i, math.min(i + 999, #ids)))
  for _, report in ipairs(some) do reports[#reports + 1] = report or '' end
end
return { t[1] * 1000 + math.floor(t[2] / 1000), seen, reports }
`;
