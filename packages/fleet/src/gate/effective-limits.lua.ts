/**
 * The limits that hold now, the permits in use and the pace, computed nowhere else. Needs
 * GATE_HASH; KEYS[2] is the hash of the limits that `origins set` has set.
 */
export const EFFECTIVE_LIMITS = `
local function chosenLimits()
  return redis.call('HMGET', KEYS[2], 'interval', 'burst', 'concurrency')
end

-- Returns interval in µs (0: unlimited), burst, concurrency (math.huge: unlimited), and the sources
-- of interval and concurrency. The strictest limits of all batches hold, unless a person has chosen
-- others. The origin only lowers them: by its crawl delay, its refusals and its time-outs.
local function effectiveLimits(chosen)
  local interval, burst, concurrency, source = 0, nil, math.huge, 'none'
  for batch, value in pairs(entries.limits) do
    local i, b, c, expiry = string.match(value, '^(%S+) (%S+) (%S+) (%S+)$')
    if tonumber(expiry) <= now then
      dropEntry('limits', batch)
    else
      i, b, c, source = finite(i) or 0, tonumber(b), tonumber(c), 'crawl file'
      interval = math.max(interval, i)
      if i > 0 then burst = math.min(burst or b, b) end
      if c > 0 then concurrency = math.min(concurrency, c) end
    end
  end
  local intervalSource, concurrencySource = source, source
  if finite(chosen[1]) then interval, intervalSource = finite(chosen[1]), 'set' end
  burst = finite(chosen[2]) or burst or 1
  if finite(chosen[3]) then concurrency, concurrencySource = finite(chosen[3]), 'set' end
  if concurrency == 0 then concurrency = math.huge end
  if num('crawlDelay') > interval then
    interval, burst, intervalSource = num('crawlDelay'), 1, 'robots.txt'
  end
  local learned = num('learned')
  if learned > 0 and 1000000 / learned > interval then
    interval, burst, intervalSource = 1000000 / learned, 1, 'learned'
  end
  local window = math.floor(num('window'))
  if window > 0 and window < concurrency then
    concurrency, concurrencySource = window, 'learned'
  end
  return interval, burst, concurrency, intervalSource, concurrencySource
end

-- Returns the fetches in flight of all workers but one, and how many workers hold them.
local function permitsInUse(except)
  local fetches, workers = 0, 0
  for worker, value in pairs(entries.lease) do
    if worker ~= except then
      local count, expiry = string.match(value, '^(%S+) (%S+)$')
      if tonumber(expiry) <= now then
        dropEntry('lease', worker)
      elseif tonumber(count) > 0 then
        fetches, workers = fetches + tonumber(count), workers + 1
      end
    end
  end
  return fetches, workers
end

-- µs per fetch at these limits; 0 where nothing is limited.
local function paceOf(interval, concurrency)
  if concurrency == math.huge then return interval end
  return math.max(interval, num('durationMs') * 1000 / concurrency)
end
`;
