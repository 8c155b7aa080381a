import { PRELUDE } from './prelude.lua.ts';

/**
 * KEYS  gate hash · settings hash · line
 * ARGV   1 fetches that leave without having started · 2 the ticket they were given before, or 0 · 3 expiry of the hash, ms
 *        4 id of their slice · 5 1 if it has just come, which nobody has told
 * Returns { ticket, due in ms }: a place in the line of the deferred, and when it will come up at the present pace. Asking
 * again with the same ticket costs no place, and notices that limits have changed.
 */
export const DEFER = `${PRELUDE}
local count, ticket = tonumber(ARGV[1]), tonumber(ARGV[2])
-- A place that was given before all was forgotten here is worth nothing.
if ticket == 0 or ticket > math.max(num('tail'), num('head')) then
  ticket = math.max(num('tail'), num('head')) + count
  redis.call('HSET', KEYS[1], 'tail', string.format('%.0f', ticket))
end
local interval, burst, concurrency = limits()
local ahead = math.max(0, ticket - num('head') - count)
-- After a block the line moves on from where it stood.
local due = ahead * paceOf(interval, concurrency) + math.max(0, num('blockedUntil') - now, num('openUntil') - now)
local isNew = redis.call('ZADD', KEYS[3], string.format('%.0f', ticket * 64 + count), ARGV[4]) == 1
-- It was called back, has come, and leaves again: others are called in its place.
if isNew and ARGV[5] == '1' and num('called') > 0 then
  redis.call('HSET', KEYS[1], 'called', string.format('%.3f', math.max(0, num('called') - count)))
end
local keepMs = math.ceil(math.max(due, num('tat') - now) / 1000) + tonumber(ARGV[3])
for i = 1, 3, 2 do redis.call('PEXPIRE', KEYS[i], keepMs) end
return { ticket, math.ceil(due / 1000) }
`;
