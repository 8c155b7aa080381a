/**
 * Takes a part out of a slice of several origins and makes it a slice of its own, which waits until
 * it is due or is claimed next. The new slice has the priority of the old one. Where nothing is
 * left of the old one, it ends.
 *
 * It knows BullMQ's layout: the hash of a job, its lock, and the sets of jobs. The score in
 * `delayed` is epoch ms × 4,096, and what is in `wait` comes before all that is prioritized.
 *
 * KEYS     the slice · its lock · the part · active · delayed · wait · marker · stalled
 * ARGV     id of the slice · token of its lock · what is left of it, or '' · id of the part · its
 *          data · epoch ms when it is due, or 0 to queue it now
 * Returns  1 if it was taken out, 0 if the lock is lost, -1 if there is such a part already
 * Atomic   a worker that died in between would have its fetches run twice, or not at all
 */
export const SPLIT_SLICE = `
local id, token, left, part, data, due = unpack(ARGV)
if redis.call('GET', KEYS[2]) ~= token or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[3]) == 1 then return -1 end
local now = redis.call('TIME')[1] * 1000
due = tonumber(due)
local fields = redis.call('HMGET', KEYS[1], 'name', 'opts', 'timestamp', 'priority')
redis.call('HSET', KEYS[3], 'name', fields[1] or 'slice', 'opts', fields[2] or '{}',
  'timestamp', fields[3] or now, 'priority', fields[4] or 1, 'data', data,
  'delay', due == 0 and 0 or math.max(1, due - now))
if due == 0 then
  redis.call('RPUSH', KEYS[6], part)
  redis.call('ZADD', KEYS[7], 0, '0')
else
  redis.call('ZADD', KEYS[5], string.format('%.0f', due * 4096), part)
  local first = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
  redis.call('ZADD', KEYS[7], string.format('%.0f', math.floor(first[2] / 4096)), '1')
end
if left ~= '' then
  redis.call('HSET', KEYS[1], 'data', left)
else
  redis.call('LREM', KEYS[4], -1, id)
  redis.call('SREM', KEYS[8], id)
  redis.call('DEL', KEYS[1], KEYS[2])
end
return 1
`;
