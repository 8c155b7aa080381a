/**
 * Marks origins as worked on now, and forgets the oldest names: a crawl of a million hosts must not
 * leave a million of them.
 *
 * Atomic, so that the set never exceeds its bound.
 *
 * KEYS  ZSET of origins, scored by epoch seconds
 * ARGV  { keep: names to keep, origins: names }: one JSON document
 * Returns { known: names in the set }: one JSON document
 */
export const MARK_ACTIVE = `
local call = cjson.decode(ARGV[1])
local seconds = redis.call('TIME')[1]
for _, origin in ipairs(call.origins) do redis.call('ZADD', KEYS[1], seconds, origin) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - call.keep)
return cjson.encode({ known = redis.call('ZCARD', KEYS[1]) })
`;
