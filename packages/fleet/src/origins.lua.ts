/**
 * A start that was promised under a slower rate may be hours ahead. It is brought as near as the limits that hold from now on
 * would have it, or a rate that was raised would wait for the old one. Never nearer: what has just started still counts.
 */
const PULL_IN = `
local interval = 0
local flat = redis.call('HGETALL', KEYS[1])
local gate = {}
for i = 1, #flat, 2 do
  gate[flat[i]] = flat[i + 1]
  if string.sub(flat[i], 1, 7) == 'limits:' then
    interval = math.max(interval, tonumber(string.match(flat[i + 1], '^(%S+)')))
  end
end
local set = redis.call('HGET', KEYS[2], 'interval')
if set then interval = tonumber(set) end
interval = math.max(interval, tonumber(gate.crawlDelay or '0'))
local learned = tonumber(gate.learned or '0')
if learned > 0 then interval = math.max(interval, 1000000 / learned) end
local t = redis.call('TIME')
local latest = t[1] * 1000000 + t[2] + interval
if gate.tat and tonumber(gate.tat) > latest then
  redis.call('HSET', KEYS[1], 'tat', string.format('%.3f', latest))
end
`;

/**
 * Limits that a person sets; those not named stay as they are. Atomic with the promised start, which the gate moves all the time.
 *
 * KEYS  gate hash · settings hash
 * ARGV  field and value, as often as needed
 * Returns 1
 */
export const SET_LIMITS = `
redis.call('HSET', KEYS[2], unpack(ARGV))
${PULL_IN}
return 1
`;

/**
 * KEYS  gate hash · settings hash
 * Returns 1 if anything was set, else 0
 */
export const UNSET_LIMITS = `
local existed = redis.call('DEL', KEYS[2])
${PULL_IN}
return existed
`;

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
