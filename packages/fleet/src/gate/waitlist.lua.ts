import { GATE_HASH } from './gate-hash.lua.ts';

/*
 * Batches take turns in the waitlist by self-clocked fair queueing, as they do in the queue
 * (flow-finish-times.ts). A flow is the fetches of one batch at this origin, a ticket is a virtual
 * finish time, counted in fetches:
 *
 *     start  = max(virtual time, last ticket of the flow)
 *     ticket = start + fetches
 *
 * Slices are woken in the order of their tickets, and the virtual time is the ticket of the slice
 * woken last. So batches have the same number of fetches each while they wait, and a batch that
 * joins starts where the others are. What a batch saves up while it does not wait is forgotten: a
 * flow is kept only while slices of it are in the waitlist.
 */

/** Shared: what is kept of a flow. Needs GATE_HASH; KEYS[3] is the waitlist. */
const FLOWS = `
-- The id of a slice is its batch, a dot, and its first index.
local function batchOf(slice)
  return string.match(slice, '^(.*)%.') or slice
end

-- Returns the last ticket and how many slices are in the waitlist.
local function flowOf(batch)
  local ticket, slices = string.match(entries.flow[batch] or '0 0', '^(%S+) (%S+)$')
  return tonumber(ticket), tonumber(slices)
end

local function setFlow(batch, ticket, slices)
  if slices > 0 then
    setEntry('flow', batch, string.format('%.0f %d', ticket, slices))
  else
    dropEntry('flow', batch)
  end
end

-- A slice has left the waitlist.
local function leaveFlow(slice)
  local ticket, slices = flowOf(batchOf(slice))
  setFlow(batchOf(slice), ticket, slices - 1)
end
`;

/**
 * What the waitlist holds, counted from its members: a counter would go on counting slices whose
 * batch was cancelled, paused or removed. Needs GATE_HASH; KEYS[3] is the waitlist.
 */
export const WAITLIST = `${FLOWS}
-- Fetches of the first members, counted one by one as far as the sample goes.
local function deferredFetches(members, sample)
  if not members or members == 0 then return 0 end
  local counted = math.min(members, sample)
  local found = redis.call('ZRANGE', KEYS[3], 0, counted - 1, 'WITHSCORES')
  local fetches = 0
  for i = 2, #found, 2 do fetches = fetches + tonumber(found[i]) % 64 end
  return math.floor(fetches * members / counted)
end

-- Where slices have left that were not woken, nobody waits for the time before the next start.
-- Slices of dead workers, with ticket 1, say nothing about it.
local function virtualTime()
  local first = redis.call('ZRANGEBYSCORE', KEYS[3], 128, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local score = tonumber(first[2] or '0')
  return math.max(num('head'), math.floor(score / 64) - score % 64)
end

-- No flow outlives the waitlist, which may expire.
local function forgetFlowsIfEmpty(slices)
  if slices > 0 then return end
  for batch in pairs(entries.flow) do dropEntry('flow', batch) end
end

-- Flows of a waitlist that has none: version 0.1 filled it, or it has outlived the hash.
local function recountFlows()
  local found = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local batch = batchOf(found[i])
    local last, slices = flowOf(batch)
    setFlow(batch, math.max(last, math.floor(tonumber(found[i + 1]) / 64)), slices + 1)
  end
end

-- Returns the fetches of woken slices that are on their way, their batches, and the slices to wake
-- again.
local function onTheirWay()
  local fetches, batches, overdue = 0, {}, {}
  for slice, value in pairs(entries.woken) do
    local count, expiry = string.match(value, '^(%S+) (%S+)$')
    if tonumber(expiry) <= now then
      overdue[#overdue + 1] = slice
    elseif count ~= '0' then
      fetches = fetches + tonumber(count)
      batches[batchOf(slice)] = true
    end
  end
  return fetches, batches, overdue
end
`;

/**
 * Takes slices out of the waitlist that will not come, and a batch out of the limits. Forgets
 * overdue slices that are queued. It adds nothing, so it works on a full Redis.
 *
 * Atomic, so that no exchange counts on a slice that has left.
 *
 * KEYS  gate hash · hash of set limits · waitlist
 * ARGV  LeaveDocument (protocol.ts): one JSON document
 * Returns leaveReply (protocol.ts): one JSON document
 */
export const LEAVE = `${GATE_HASH}${FLOWS}
local call = cjson.decode(ARGV[1])
local left = 0
for _, slice in ipairs(call.slices or {}) do
  if redis.call('ZREM', KEYS[3], slice) == 1 then
    left = left + 1
    leaveFlow(slice)
  end
  dropEntry('woken', slice)
end
for _, slice in ipairs(call.queued or {}) do
  -- One that is counted on was deferred and woken once more meanwhile.
  if string.find(entries.woken[slice] or '', '^0 ') then dropEntry('woken', slice) end
end
if call.batch then
  dropEntry('limits', call.batch)
  dropEntry('flow', call.batch)
  local prefix = call.batch .. '.'
  for slice in pairs(entries.woken) do
    if string.sub(slice, 1, #prefix) == prefix then dropEntry('woken', slice) end
  end
end
save()
return cjson.encode({ left = left })
`;
