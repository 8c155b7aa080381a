/**
 * The clock is Redis' own, and a crawl of a million hosts must not leave a million names behind: one script does both.
 *
 * KEYS  ZSET of origins
 * ARGV   1 how many are kept, the latest · 2 … origins
 * Returns how many are known
 */
export const SEEN = `
local now = redis.call('TIME')[1]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[1]))
return redis.call('ZCARD', KEYS[1])
`;
