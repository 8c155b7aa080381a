import { EFFECTIVE_LIMITS } from '../gate/effective-limits.lua.ts';
import { GATE_HASH } from '../gate/gate-hash.lua.ts';
import { WAITLIST } from '../gate/waitlist.lua.ts';

/**
 * Reads what the gate knows of an origin, and writes nothing: it works on a full Redis.
 *
 * Atomic, so that limits, permits and instants are of one moment.
 *
 * KEYS  gate hash · hash of set limits · waitlist · robots.txt
 * Returns inspectReply (protocol.ts): one JSON document, `null` where nothing is known
 */
export const INSPECT = `${GATE_HASH}${EFFECTIVE_LIMITS}${WAITLIST}
local chosen = chosenLimits()
if #stored == 0 and not (chosen[1] or chosen[2] or chosen[3]) then return 'null' end
local interval, burst, concurrency, intervalSource, concurrencySource = effectiveLimits(chosen)
local inUse, workers = permitsInUse()
local reply = {
  -- As text: cjson rounds numbers to 14 digits.
  intervalUs = string.format('%.17g', interval),
  intervalSource = intervalSource,
  burst = burst,
  concurrency = concurrency < math.huge and concurrency or nil,
  concurrencySource = concurrencySource,
  inUse = inUse,
  workers = workers,
  waiting = deferredFetches(redis.call('ZCARD', KEYS[3]), 1000),
  breaker = num('opens') == 0 and 'closed' or num('openUntil') > now and 'open' or 'half-open',
  learnedRate = num('learned') > 0 and num('learned') or nil,
  durationMs = gate.durationMs and num('durationMs'),
}
if num('blockedUntil') > now then
  reply.blockedUntilMs = math.floor(num('blockedUntil') / 1000)
  reply.blockedMs = math.ceil((num('blockedUntil') - now) / 1000)
  reply.blockedFor = gate.blockedFor ~= '' and gate.blockedFor or nil
end
if reply.breaker == 'open' then
  reply.openUntilMs = math.floor(num('openUntil') / 1000)
  reply.openMs = math.ceil((num('openUntil') - now) / 1000)
end
-- Of a robots.txt that nobody asks for any more, the batches have ended.
local head = redis.pcall('GETRANGE', KEYS[4], 0, 13)
if head == '{"kind":"wait"' then
  local isRead, known = pcall(cjson.decode, redis.call('GET', KEYS[4]))
  local isAwaited = isRead and type(known.againAt) == 'number' and known.againAt > now / 1000 - 60000
  reply.robotsError = isAwaited and type(known.reason) == 'string' and known.reason or nil
end
if reply.breaker ~= 'closed' or reply.blockedUntilMs then reply.lastError = gate.lastError end
return cjson.encode(reply)
`;
