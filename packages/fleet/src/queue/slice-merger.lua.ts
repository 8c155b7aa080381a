/*
 * A worker has a slice as long as its lock exists. A slice without a lock is queued, or was left by
 * a worker that died: then it is delivered again as it is.
 */

/**
 * KEYS     the slices
 * Returns  for each slice { 'none' (there is no such job), 'active' or 'idle', its data or '' }
 * Atomic   a slice that is claimed between the two reads would look idle
 */
export const INSPECT = `
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
 * Replaces the data of a slice that no worker has, unless it has changed since it was read.
 *
 * KEYS     the slice
 * ARGV     its data as it was read · its new data
 * Returns  1 if it was replaced, 0 otherwise
 * Atomic   a worker may claim or change the slice between the check and the write
 */
export const MERGE = `
if redis.call('EXISTS', KEYS[1] .. ':lock') == 1 or redis.call('HGET', KEYS[1], 'data') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1
`;
