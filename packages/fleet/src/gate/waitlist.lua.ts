import { GATE_HASH } from './gate-hash.lua.ts';

/**
 * What the waitlist holds, counted from its members: a counter would go on counting slices whose
 * batch was cancelled, paused or removed. Needs GATE_HASH; KEYS[3] is the waitlist.
 */
export const WAITLIST = `
-- Fetches of the first members, counted one by one as far as the sample goes.
local function deferredFetches(members, sample)
  if not members or members == 0 then return 0 end
  local counted = math.min(members, sample)
  local found = redis.call('ZRANGE', KEYS[3], 0, counted - 1, 'WITHSCORES')
  local fetches = 0
  for i = 2, #found, 2 do fetches = fetches + tonumber(found[i]) % 64 end
  return math.floor(fetches * members / counted)
end

local function newestTicket()
  local newest = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  return newest[2] and math.floor(tonumber(newest[2]) / 64) or 0
end

-- Fetches of woken slices that have not arrived. One that takes longer than 2 s is not counted on.
local function onTheirWay()
  local fetches = 0
  for slice, value in pairs(entries.woken) do
    local count, expiry = string.match(value, '^(%S+) (%S+)$')
    if tonumber(expiry) <= now then
      dropEntry('woken', slice)
    else
      fetches = fetches + tonumber(count)
    end
  end
  return fetches
end
`;

/**
 * Takes slices out of the waitlist that will not come, and a batch out of the limits. It adds
 * nothing, so it works on a full Redis.
 *
 * Atomic, so that no exchange counts on a slice that has left.
 *
 * KEYS  gate hash · hash of set limits · waitlist
 * ARGV  LeaveDocument (protocol.ts): one JSON document
 * Returns leaveReply (protocol.ts): one JSON document
 */
export const LEAVE = `${GATE_HASH}
local call = cjson.decode(ARGV[1])
local left = 0
for _, slice in ipairs(call.slices or {}) do
  left = left + redis.call('ZREM', KEYS[3], slice)
  dropEntry('woken', slice)
end
if call.batch then
  dropEntry('limits', call.batch)
  local prefix = call.batch .. '.'
  for slice in pairs(entries.woken) do
    if string.sub(slice, 1, #prefix) == prefix then dropEntry('woken', slice) end
  end
end
save()
return cjson.encode({ left = left })
`;
