import { GATE_HASH } from '../gate/gate-hash.lua.ts';
import { HISTORY, MAX_EVENTS, MAX_RATES } from '../gate/history.lua.ts';

/** Batches that are named, by name. */
const MAX_BATCHES = 50;

/**
 * Reads what INSPECT leaves out: history, batches and robots.txt of one origin. It writes nothing.
 *
 * Atomic, so that all of it is of one moment.
 *
 * KEYS  gate hash · robots.txt
 * Returns detailReply (origin-detail.ts): one JSON document
 */
export const DETAIL = `${GATE_HASH}${HISTORY}
local function listOf(key, size)
  local found = redis.pcall('LRANGE', key, 0, size - 1)
  return not found.err and #found > 0 and found or nil
end
local isThere = {}
for batch, value in pairs(entries.limits) do
  if tonumber(string.match(value, '(%S+)$')) > now then isThere[batch] = true end
end
-- All its slices may be in the waitlist.
for batch in pairs(entries.flow) do isThere[batch] = true end
local batches = {}
for batch in pairs(isThere) do batches[#batches + 1] = batch end
table.sort(batches)

-- The rules may be long, and are not asked for.
local head = redis.pcall('GETRANGE', KEYS[2], 0, 20)
local robots = {
  kind = type(head) == 'string' and string.match(head, '^{"kind":"([%a-]+)"') or nil,
  ttlMs = redis.call('PTTL', KEYS[2]),
}
if robots.kind ~= 'rules' and robots.kind ~= 'allow-all' then
  local text = redis.pcall('GET', KEYS[2])
  local isRead, known = pcall(cjson.decode, type(text) == 'string' and text or '')
  local isWaiting = isRead and type(known) == 'table' and known.kind == 'wait'
  robots.kind = isWaiting and 'wait' or nil
  robots.wait = isWaiting and known or nil
end
return cjson.encode({
  nowMs = math.floor(now / 1000),
  batches = #batches > 0 and { unpack(batches, 1, ${MAX_BATCHES}) } or nil,
  batchCount = #batches,
  events = listOf(eventsKey(), ${MAX_EVENTS}),
  rates = listOf(ratesKey(), ${MAX_RATES}),
  crawlDelayUs = num('crawlDelay'),
  robots = robots,
})
`;
