/*
 * How much was fetched at each origin in the last hour: a HASH for each five minutes, which expires
 * by itself, with the fetches that ended at an origin, and under `!` and its name those that it
 * refused. Scripts derive these keys from their common prefix and the clock of Redis.
 */

/** Length of a slot. */
export const WORK_SLOT_S = 300;
/** Slots of an hour. */
const WORK_SLOTS = 12;
/** Fields of a slot: bounds the memory that a crawl of many hosts takes to some megabytes. */
const MAX_FIELDS = 4_000;

/**
 * Marks origins as worked on now, and forgets the oldest names: a crawl of a million hosts must not
 * leave a million of them. Counts what was fetched there.
 *
 * Atomic, so that the set never exceeds its bound.
 *
 * KEYS  ZSET of origins, scored by epoch seconds · prefix of the slots
 * ARGV  { keep: names to keep, origins: [[name, fetches that have ended, and were refused]] }
 * Returns { known: names in the set }: one JSON document
 */
export const MARK_ACTIVE = `
local call = cjson.decode(ARGV[1])
local seconds = tonumber(redis.call('TIME')[1])
local slot = KEYS[2] .. math.floor(seconds / ${WORK_SLOT_S})
-- Anything else than a HASH is not counted in: the names matter more.
local fields = redis.pcall('HLEN', slot)
local function add(field, count)
  if type(fields) ~= 'number' or count < 1 then return end
  if fields >= ${MAX_FIELDS} and redis.call('HEXISTS', slot, field) == 0 then return end
  if redis.pcall('HINCRBY', slot, field, count) == count then fields = fields + 1 end
end
for _, origin in ipairs(call.origins) do
  redis.call('ZADD', KEYS[1], seconds, origin[1])
  add(origin[1], origin[2])
  add('!' .. origin[1], origin[3])
end
redis.call('EXPIRE', slot, ${(WORK_SLOTS + 1) * WORK_SLOT_S})
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - call.keep)
return cjson.encode({ known = redis.call('ZCARD', KEYS[1]) })
`;

/**
 * Reads what was fetched at some origins in the last hour.
 *
 * KEYS  prefix of the slots
 * ARGV  names of origins
 * Returns { slot that it is now, for each slot of the hour, the oldest first: two texts for each
 *         origin, as in the HASH }
 */
export const WORK = `
local now = math.floor(redis.call('TIME')[1] / ${WORK_SLOT_S})
local fields, slots = {}, {}
for _, origin in ipairs(ARGV) do
  fields[#fields + 1] = origin
  fields[#fields + 1] = '!' .. origin
end
for slot = now - ${WORK_SLOTS - 1}, now do
  local found = redis.pcall('HMGET', KEYS[1] .. slot, unpack(fields))
  slots[#slots + 1] = found.err and {} or found
end
return { now, slots }
`;
