-- KEYS: buckets. ARGV: now in microseconds, then of each bucket: how many in a window, the window in microseconds.
-- Takes one of each, or of none if any has none left. Answers of each when it is full again, and how long it has none.
-- Of a bucket only the time is kept at which it is full again (the generic cell rate algorithm, ITU-T I.371).
local now, full, wait, is_free = tonumber(ARGV[1]), {}, {}, true
local was = redis.call('MGET', unpack(KEYS))
for i in ipairs(KEYS) do
  local window = tonumber(ARGV[2 * i + 1])
  local each = math.floor(window / tonumber(ARGV[2 * i]))
  full[i] = math.max(tonumber(was[i] or '0'), now)
  -- What lies further ahead was reckoned by a clock that has been set back since, and says nothing.
  if full[i] > now + window then
    full[i] = now
  end
  wait[i] = math.max(full[i] + each - window - now, 0)
  is_free = is_free and wait[i] == 0
end
local told = {}
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[2 * i + 1])
  if is_free then
    full[i] = full[i] + math.floor(window / tonumber(ARGV[2 * i]))
    redis.call('SET', key, string.format('%.0f', full[i]), 'PX', math.ceil(window / 1000))
  end
  table.insert(told, full[i] - now)
  table.insert(told, wait[i])
end
return told
