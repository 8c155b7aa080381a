/*
 * What several scripts share to tell what happens to a batch: to its list of events, to the outbox
 * of notifications, and to the schedule that has started it. All of it is written in the step that
 * makes it true, so that a crash loses nothing and tells nothing twice.
 *
 * Whoever can write to Redis can put anything in place of it. What cannot be read is nothing then:
 * a batch must end all the same.
 */

/** Events of a batch that are kept. The first one stays: it says who began. */
const MAX_EVENTS = 100;

/** Notifications that wait; further ones are lost, and counted. */
const MAX_WAITING = 2_000;

/** Shared: the time, and JSON that may be anything. */
export const BASICS = `
local function nowMs()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function listIn(text)
  local isRead, value = pcall(cjson.decode, text or '[]')
  return isRead and type(value) == 'table' and value or {}
end
local function fleetOf(key) return string.match(key, '^{[^}]*}') end
`;

/**
 * Shared: appends to the outbox. Needs BASICS.
 *
 * `post` takes the key of anything of the fleet, the JSON of its receivers (see notify-field.ts),
 * the event, what every entry has, and the only receiver that is meant (default: all). Returns
 * whether nothing was lost.
 */
export const POST = `
local function isTold(receiver, event)
  if type(receiver) ~= 'table' or type(receiver.on) ~= 'table' then return false end
  for _, one in ipairs(receiver.on) do
    if one == event then return true end
  end
  return false
end
local function postOne(fleet, entry)
  local box, due = fleet .. ':outbox', fleet .. ':outbox-due'
  local waiting = redis.pcall('ZCARD', due)
  if type(waiting) ~= 'number' or waiting >= ${MAX_WAITING} then
    redis.pcall('INCR', fleet .. ':outbox-lost')
    return false
  end
  local name = entry.batch .. '|' .. entry.id
  redis.pcall('HSET', box, name, cjson.encode(entry))
  redis.pcall('ZADD', due, entry.at, name)
  return true
end
local function post(key, receivers, event, entry, only)
  local isComplete = true
  for position, receiver in ipairs(listIn(receivers)) do
    if (not only or only == position) and isTold(receiver, event) then
      entry.event, entry.to = event, receiver.to
      entry.id = 'msg_' .. redis.sha1hex(entry.seed .. '|' .. event .. '|' .. position)
      isComplete = postOne(fleetOf(key), entry) and isComplete
    end
  end
  return isComplete
end
`;

/**
 * Shared: tells what has happened to a batch. Needs BASICS and POST.
 *
 * - `note` adds to its events
 * - `tell` notifies its receivers; the entry holds the batch as it is now, because it may be
 *   retried or removed before the entry is delivered
 * - `tellShares` tells receivers whose share of failed fetches is reached, each once
 * - `noteEnd` notes with its schedule how it has ended
 */
export const TELL = `
local function note(batch, event, by, detail)
  local events = listIn(redis.call('HGET', batch, 'events'))
  local last = events[#events]
  local number = type(last) == 'table' and tonumber(last[1]) or 0
  events[#events + 1] = { number + 1, nowMs(), event, by or '', detail or '' }
  if #events > ${MAX_EVENTS} then table.remove(events, 2) end
  redis.call('HSET', batch, 'events', cjson.encode(events))
end
local isLeftOut = { plan = true, crawl = true, events = true, notify = true, sharesTold = true }
local function tell(batch, id, event, only)
  local receivers = redis.call('HGET', batch, 'notify')
  if not receivers then return end
  local all, fields = redis.call('HGETALL', batch), {}
  for i = 1, #all, 2 do
    if not isLeftOut[all[i]] and string.sub(all[i], 1, 5) ~= 'root:' then
      fields[#fields + 1], fields[#fields + 2] = all[i], all[i + 1]
    end
  end
  local now = nowMs()
  local seed = id .. '|' .. now .. '|' .. redis.call('HINCRBY', batch, 'told', 1)
  local entry = { batch = id, at = now, fields = fields, seed = seed }
  if not post(batch, receivers, event, entry, only) then note(batch, 'not-told') end
end
local function tellShares(batch, id)
  local f = redis.call('HMGET', batch, 'notify', 'failed', 'outcome:robots-denied', 'sharesTold', 'total')
  if not f[1] then return end
  local failed, told = tonumber(f[2] or '0') - tonumber(f[3] or '0'), f[4] or ','
  for position, receiver in ipairs(listIn(f[1])) do
    local mark = ',' .. position .. ','
    local share = type(receiver) == 'table' and tonumber(receiver.failedAt)
    if share and failed >= share and not string.find(told, mark, 1, true) then
      told = told .. position .. ','
      redis.call('HSET', batch, 'sharesTold', told)
      note(batch, 'failures', '', failed .. ' of ' .. f[5])
      tell(batch, id, 'failures', position)
    end
  end
end
local function noteEnd(batch, id)
  local f = redis.call('HMGET', batch, 'schedule', 'state', 'total', 'failed', 'outcome:robots-denied', 'startedAt', 'paceFrom', 'createdAt')
  if not f[1] then return end
  local schedule, now = fleetOf(batch) .. ':schedule:' .. f[1], nowMs()
  if redis.pcall('HEXISTS', schedule, 'terms') ~= 1 then return end
  local failed = tonumber(f[4] or '0')
  if f[2] == 'finished' then
    redis.call('HSET', schedule, 'lastFinish', now)
    if failed == tonumber(f[5] or '0') then redis.call('HSET', schedule, 'lastSuccess', now) end
  end
  local runs = schedule .. ':runs'
  -- Of another type it answers { err }, which has no items.
  for i, text in ipairs(redis.pcall('LRANGE', runs, 0, -1)) do
    local run = listIn(text)
    if run.batch == id then
      local began = tonumber(f[7] or f[6] or f[8]) or now
      run.ended = { state = f[2], at = now, tookMs = math.max(0, now - began), total = tonumber(f[3]), failed = failed }
      redis.call('LSET', runs, i - 1, cjson.encode(run))
      return
    end
  end
end
`;

/**
 * Shared: what POST and TELL have, made when it is used: most calls of the scripts of the ledger
 * have nothing to tell. Needs BASICS.
 */
export const TELLING = `
local function telling()
${POST}${TELL}
return { note = note, tell = tell, tellShares = tellShares, noteEnd = noteEnd }
end
`;
