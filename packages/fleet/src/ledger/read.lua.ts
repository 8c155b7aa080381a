import { BASICS } from './tell.lua.ts';

/**
 * KEYS     batch hash · missing-secrets ZSET · packed fields
 * ARGV     how long a report of a missing secret counts, in ms
 * Returns  { now in epoch ms, fields of the batch, their values, names of missing secrets, packed
 *          fields or '' }; without its crawl and its events, which may be long
 */
export const STATUS = `${BASICS}
local now = nowMs()
local missing = redis.call('ZRANGEBYSCORE', KEYS[2], string.format('(%.0f', now - ARGV[1]), '+inf')
local packed = redis.call('GET', KEYS[3]) or ''
local fields = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if field ~= 'plan' and field ~= 'crawl' and field ~= 'events' then fields[#fields + 1] = field end
end
if #fields == 0 then return { now, fields, {}, missing, packed } end
return { now, fields, redis.call('HMGET', KEYS[1], unpack(fields)), missing, packed }
`;

/**
 * Lists unfinished batches, newest first. Reads into the index what was registered since the last
 * call, which is everything where version 0.1 ran before, and drops what has ended without it.
 *
 * KEYS     batches ZSET · unfinished ZSET
 * ARGV     part of the keys of batches · fingerprint, '' for any · then states
 * Returns  ids and when they were registered, in turn
 * Atomic   a batch that ends or starts meanwhile must not get lost between reading and writing
 */
export const UNFINISHED = `
local isOpen = { expanding = true, running = true, paused = true }
local readTo = redis.call('ZSCORE', KEYS[2], '')
local registered = redis.call('ZRANGEBYSCORE', KEYS[1], readTo or '-inf', '+inf', 'WITHSCORES')
for i = 1, #registered, 2 do
  local id, createdAt = registered[i], registered[i + 1]
  -- What is no hash has no state.
  if isOpen[redis.pcall('HGET', ARGV[1] .. id, 'state')] then
    redis.call('ZADD', KEYS[2], createdAt, id)
  end
end
local newest = registered[#registered]
if newest and newest ~= readTo then redis.call('ZADD', KEYS[2], newest, '') end
local isWanted, found = {}, {}
for i = 3, #ARGV do isWanted[ARGV[i]] = true end
local listed = redis.call('ZREVRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #listed, 2 do
  local id = listed[i]
  local f = id ~= '' and redis.pcall('HMGET', ARGV[1] .. id, 'state', 'fingerprint')
  if f and not isOpen[f[1]] then
    redis.call('ZREM', KEYS[2], id)
  elseif f and isWanted[f[1]] and (ARGV[2] == '' or ARGV[2] == f[2]) then
    found[#found + 1] = id
    found[#found + 1] = listed[i + 1]
  end
end
return found
`;
