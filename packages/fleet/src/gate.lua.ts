/*
 * The scripts of the gate, one per verb; one hash per origin, which expires when nobody asks any more.
 *
 *   lease:<worker>   "<fetches in flight> <epoch ms of expiry>"
 *   durationMs       moving average of how long a fetch of this origin takes
 *   forecastAt       epoch ms at which the fetches parked so far will have had their turn
 *
 * Atomic because the sum of the leases and the new lease must be one decision for the whole fleet.
 * The only clock is Redis' own.
 */

const LEASES = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function inUse(key, worker)
  local used, mine = 0, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 6) == 'lease:' then
      local count, expiry = string.match(fields[i + 1], '^(%d+) (%d+)$')
      if tonumber(expiry) <= now then
        redis.call('HDEL', key, fields[i])
      elseif fields[i] == 'lease:' .. worker then
        mine = tonumber(count)
      else
        used = used + tonumber(count)
      end
    end
  end
  return used, mine
end
`;

/**
 * KEYS  gate hash
 * ARGV  worker · fetches wanted · fetches ended · their average duration in ms · limit · lease in ms · expiry of the hash in ms
 * Ended fetches are given back first. Returns how many of the wanted may start now. Where permits are left over, the forecast
 * was too long: it begins anew.
 */
export const ADMIT = `${LEASES}
local want, ended, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5])
local used, mine = inUse(KEYS[1], ARGV[1])
mine = math.max(0, mine - ended)
if ended > 0 then
  local average = tonumber(redis.call('HGET', KEYS[1], 'durationMs') or ARGV[4])
  redis.call('HSET', KEYS[1], 'durationMs', average + (tonumber(ARGV[4]) - average) * 0.2)
end
local granted = math.max(0, math.min(want, limit - used - mine))
mine = mine + granted
if mine == 0 then
  redis.call('HDEL', KEYS[1], 'lease:' .. ARGV[1])
else
  redis.call('HSET', KEYS[1], 'lease:' .. ARGV[1], mine .. ' ' .. string.format('%.0f', now + ARGV[6]))
end
if want > 0 and used + mine < limit then redis.call('HDEL', KEYS[1], 'forecastAt') end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return granted
`;

/**
 * KEYS  gate hash
 * ARGV  fetches that leave · limit · expiry of the hash in ms
 * Returns in how many ms they should ask again: half-way to when those that were parked before them will have had their turn, at
 * the pace the origin has been answering. Half-way, because a pace that was measured too slow, or a limit that is raised,
 * would otherwise leave permits unused. A forecast only; admission is decided when they are back.
 */
export const PARK = `${LEASES}
local f = redis.call('HMGET', KEYS[1], 'durationMs', 'forecastAt')
local pace = tonumber(f[1] or '100') / tonumber(ARGV[2])
local due = math.max(now, tonumber(f[2] or '0')) + tonumber(ARGV[1]) * pace
redis.call('HSET', KEYS[1], 'forecastAt', string.format('%.0f', due))
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[3]), math.floor(due - now) + tonumber(ARGV[3])))
return math.ceil((due - now) / 2)
`;
