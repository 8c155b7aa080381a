import { EFFECTIVE_LIMITS } from './effective-limits.lua.ts';
import { GATE_HASH } from './gate-hash.lua.ts';
import { WAITLIST } from './waitlist.lua.ts';

/**
 * Puts a slice whose fetches have not started into the waitlist. Deferring it again with its ticket
 * keeps its place, and forecasts its turn by the limits of now.
 *
 * Atomic, because a ticket follows the last one of its batch, which must not be used twice.
 *
 * KEYS  gate hash · hash of set limits · waitlist
 * ARGV  DeferDocument (protocol.ts): one JSON document
 * Returns deferReply (protocol.ts): one JSON document
 */
export const DEFER = `${GATE_HASH}${EFFECTIVE_LIMITS}${WAITLIST}
local call = cjson.decode(ARGV[1])
local fetches, ticket = call.fetches, call.ticket or 0
forgetFlowsIfEmpty(redis.call('ZCARD', KEYS[3]))
if not next(entries.flow) then recountFlows() end
local batch = batchOf(call.slice)
local last, slices = flowOf(batch)
local nextTicket = math.max(virtualTime(), last) + fetches
-- A ticket that is later was given out before hash and waitlist expired.
if ticket == 0 or ticket > nextTicket then ticket = nextTicket end
if ticket > num('tail') then set('tail', string.format('%.0f', ticket)) end
local interval, _, concurrency = effectiveLimits(chosenLimits())
local score = string.format('%.0f', ticket * 64 + fetches)
local added = redis.call('ZADD', KEYS[3], score, call.slice)
setFlow(batch, math.max(last, ticket), math.max(1, slices + added))
-- A slice that was woken while its worker deferred it again is on its way no more.
dropEntry('woken', call.slice)
local ahead = deferredFetches(redis.call('ZRANK', KEYS[3], call.slice), 100)
-- The waitlist does not move during a block.
local closedFor = math.max(0, num('blockedUntil') - now, num('openUntil') - now)
local due = ahead * paceOf(interval, concurrency) + closedFor
save()
local keepMs = math.ceil(math.max(due, num('tat') - now) / 1000) + FORGET_MS
redis.call('PEXPIRE', KEYS[1], keepMs)
redis.call('PEXPIRE', KEYS[3], keepMs)
return cjson.encode({ ticket = ticket, dueInMs = math.ceil(due / 1000) })
`;
