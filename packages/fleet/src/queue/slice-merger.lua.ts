/*
 * A worker has a slice as long as it holds its lock. Without one, the slice is queued, or was left behind by a worker that died: then it is
 * delivered again as it stands.
 */

/**
 * KEYS  the slices
 * Returns for each { what it is: 'none', 'active' or 'idle', its data }.
 */
export const LOOK = `
local found = {}
for i = 1, #KEYS do
  local data = redis.call('HGET', KEYS[i], 'data')
  if not data then
    found[i] = { 'none', '' }
  elseif redis.call('EXISTS', KEYS[i] .. ':lock') == 1 then
    found[i] = { 'active', '' }
  else
    found[i] = { 'idle', data }
  end
end
return found
`;

/**
 * KEYS  the slice
 * ARGV  its data as it was seen, its data as it is to be
 * Changes a slice that no worker has, unless it was changed meanwhile. Returns 1 if it did.
 */
export const MERGE = `
if redis.call('EXISTS', KEYS[1] .. ':lock') == 1 or redis.call('HGET', KEYS[1], 'data') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1
`;
