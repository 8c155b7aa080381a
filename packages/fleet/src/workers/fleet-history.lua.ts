/**
 * Adds a sample of the fleet to its history, and forgets the oldest ones.
 *
 * Atomic, so that two workers that think that they sample add one.
 *
 * KEYS  LIST of samples, the newest first
 * ARGV  { sample, gapMs: the least time since the one before, keep: samples to keep }
 * Returns { kept: whether it was added }: one JSON document
 */
export const APPEND_SAMPLE = `
local call = cjson.decode(ARGV[1])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local isRead, last = pcall(cjson.decode, redis.call('LINDEX', KEYS[1], 0) or '')
local at = isRead and type(last) == 'table' and tonumber(last.at) or 0
-- A clock that was set back does not stop it.
if at <= now and now - at < call.gapMs then return cjson.encode({ kept = false }) end
call.sample.at = now
if next(call.sample.batches) == nil then call.sample.batches = nil end
-- cjson writes long numbers as 1.79e+12 with 14 digits, which is exact for these.
redis.call('LPUSH', KEYS[1], cjson.encode(call.sample))
redis.call('LTRIM', KEYS[1], 0, call.keep - 1)
return cjson.encode({ kept = true })
`;
