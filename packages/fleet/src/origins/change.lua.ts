import { GATE_HASH } from '../gate/gate-hash.lua.ts';
import { HISTORY } from '../gate/history.lua.ts';

/** What the fleet has learned of an origin: see gate-hash.lua.ts. */
const LEARNED_FIELDS = [
  'learned',
  'learnedAt',
  'ceiling',
  'raisedAt',
  'window',
  'windowAt',
  'fastestMs',
  'timedOut',
];

/**
 * Changes an origin as a person asks for it, and notes that in its history. `try` ends what keeps
 * the origin shut, and leaves it as a breaker does whose time has come: half-open. So one fetch of
 * the whole fleet probes it, within all limits, and the others follow when that is answered. A
 * robots.txt that could not be had is asked for again.
 *
 * Atomic, so that no exchange sees half of it, and nothing is noted that has not happened.
 *
 * KEYS  gate hash · hash of set limits · robots.txt
 * ARGV  ChangeDocument (change-origin.ts): one JSON document
 * Returns changeReply (change-origin.ts): one JSON document
 */
export const CHANGE = `${GATE_HASH}${HISTORY}
local DAY_MS = 86400000
local call = cjson.decode(ARGV[1])
local ended, isChanged = {}, false

if call.change == 'set' then
  redis.call('HSET', KEYS[2], unpack(call.fields))
  isChanged = true
elseif call.change == 'unset' then
  isChanged = redis.call('DEL', KEYS[2]) == 1
elseif call.change == 'forgotten' then
  isChanged = gate.learned ~= nil or gate.window ~= nil
  for _, field in ipairs({ '${LEARNED_FIELDS.join("', '")}' }) do drop(field) end
elseif call.change == 'tried' then
  if num('blockedUntil') > now then ended[#ended + 1] = 'block' end
  if num('openUntil') > now then ended[#ended + 1] = 'breaker' end
  if #ended > 0 then
    drop('blockedUntil')
    drop('blockedAt')
    set('opens', math.max(1, num('opens')))
    set('openUntil', now)
  end
  local robots = redis.pcall('GET', KEYS[3])
  local isRead, known = pcall(cjson.decode, type(robots) == 'string' and robots or '')
  local againAt = isRead and type(known) == 'table' and known.kind == 'wait' and known.againAt
  if tonumber(againAt or 0) > now / 1000 then
    ended[#ended + 1] = 'robots.txt'
    known.againAt = 0
    redis.call('SET', KEYS[3], cjson.encode(known), 'KEEPTTL')
  end
  isChanged = #ended > 0
end
if isChanged then note(call.change, call.text or table.concat(ended, ', '), 0, call.by) end
-- The hash expires with the last exchange of a worker, and is not made anew here: a limit may be
-- set long before the first of them.
if #stored > 0 then
  keepHistory(DAY_MS)
  save()
elseif isNoted then
  redis.call('PEXPIRE', eventsKey(), DAY_MS)
end
return cjson.encode({ changed = isChanged, ended = #ended > 0 and ended or nil })
`;
