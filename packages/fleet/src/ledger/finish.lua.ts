import { BASICS, TELLING } from './tell.lua.ts';

/**
 * Shared: finishes a batch whose slices are all queued and whose fetches are all settled. The last
 * settled fetch and the end of the expansion, whichever comes later, finish the batch.
 * Returns 1 if this call finished the batch, 0 otherwise.
 */
export const FINISH = `${BASICS}${TELLING}
local function finishIfDone(batch, unfinished, id)
  local f = redis.call('HMGET', batch, 'state', 'total', 'settled', 'resumeTo')
  local isQueued = f[1] == 'running' or (f[1] == 'paused' and f[4] == 'running')
  if isQueued and tonumber(f[2]) == tonumber(f[3] or '0') then
    redis.call('HSET', batch, 'state', 'finished', 'finishedAt', nowMs())
    redis.call('HDEL', batch, 'resumeTo')
    redis.call('ZREM', unfinished, id)
    local t = telling()
    t.note(batch, 'finished')
    t.noteEnd(batch, id)
    t.tell(batch, id, 'finished')
    return 1
  end
  return 0
end
local function addUnfinished(batch, unfinished, id)
  redis.call('ZADD', unfinished, redis.call('HGET', batch, 'createdAt'), id)
end
`;

/**
 * Shared: measures the pace from now on. A pause, or fetches that are cleared, would make the pace
 * since the start meaningless. Needs FINISH.
 */
export const RESTART_PACE = `
local function restartPace(batch)
  redis.call('HSET', batch, 'paceFrom', nowMs(), 'paceSettled', redis.call('HGET', batch, 'settled') or 0)
end
`;
