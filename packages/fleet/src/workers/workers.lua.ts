/*
 * The register of workers: a ZSET scored by the time each was last seen, and a HASH with what it told of itself. Both change
 * together, so that nobody is listed without the one or remembered without the other.
 */

/**
 * KEYS  workers ZSET · workers' info HASH
 * ARGV  id, what it tells (JSON), seconds after which whoever is silent is forgotten
 * Returns 1. Scores are epoch seconds, with fractions, by the clock of Redis.
 */
export const SEEN = `
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
return 1
`;

/** KEYS workers ZSET · workers' info HASH. ARGV id. Returns 1 if it was there. */
export const GONE = `
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
`;

/**
 * KEYS  workers ZSET · workers' info HASH
 * ARGV  seconds after which whoever is silent is forgotten
 * Returns { now in ms, { id, last seen in seconds, … }, { what each tells, or '' } }.
 */
export const LIST = `
local t = redis.call('TIME')
local since = string.format('%.3f', t[1] - ARGV[1])
local seen = redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'WITHSCORES')
local told = {}
for i = 1, #seen, 2 do told[#told + 1] = redis.call('HGET', KEYS[2], seen[i]) or '' end
return { t[1] * 1000 + math.floor(t[2] / 1000), seen, told }
`;
