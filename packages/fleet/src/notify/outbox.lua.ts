/*
 * The scripts of the outbox, one per verb. Entries are written by the scripts that make them true:
 * see POST in ledger/tell.lua.ts.
 */

/** Shared: drops one entry. */
const DROP = `
local function drop(name)
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
`;

/**
 * Takes entries that are due. They are due again when the lease ends, unless the caller has
 * removed or postponed them until then.
 *
 * KEYS     outbox HASH · due ZSET
 * ARGV     how many · lease in ms
 * Returns  names and entries
 * Atomic   two workers must not take the same entry
 */
export const TAKE = `${DROP}
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local taken = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local entry = redis.call('HGET', KEYS[1], name)
  if entry then
    redis.call('ZADD', KEYS[2], now + ARGV[2], name)
    taken[#taken + 1] = name
    taken[#taken + 1] = entry
  else
    drop(name)
  end
end
return taken
`;

/**
 * KEYS     outbox HASH · due ZSET
 * ARGV     name
 * Returns  1
 */
export const REMOVE = `${DROP}
drop(ARGV[1])
return 1
`;

/**
 * Writes what has become of an entry, and when it is due again. One that was removed meanwhile
 * stays removed.
 *
 * KEYS     outbox HASH · due ZSET
 * ARGV     name · entry · in how many ms it is due
 * Returns  1 if it is there, 0 otherwise
 */
export const POSTPONE = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return 1
`;
