-- KEYS: buckets. ARGV: now in microseconds, how many are wanted, then of each bucket: how many in a window, the window in
-- microseconds. Takes as many of each, or of none if any has none left. Whoever wants several is given a sixteenth of what is left
-- at most, but one at least, so that the last ones are taken one by one. Answers how many, then of each when it is full again, and
-- how long it has none.
-- Of a bucket only the time is kept at which it is full again (the generic cell rate algorithm, ITU-T I.371).
local PART = 16
local now, wanted, most, full, wait, each, window = tonumber(ARGV[1]), tonumber(ARGV[2]), math.huge, {}, {}, {}, {}
local was = redis.call('MGET', unpack(KEYS))
for i in ipairs(KEYS) do
  window[i] = tonumber(ARGV[2 * i + 2])
  each[i] = math.floor(window[i] / tonumber(ARGV[2 * i + 1]))
  full[i] = math.max(tonumber(was[i] or '0'), now)
  -- What lies further ahead was reckoned by a clock that has been set back since, and says nothing.
  if full[i] > now + window[i] then
    full[i] = now
  end
  wait[i] = math.max(full[i] + each[i] - window[i] - now, 0)
  most = math.min(most, math.floor((now + window[i] - full[i]) / each[i]))
end
local taken = 0
if most >= 1 then
  taken = math.max(1, math.min(wanted, math.floor(most / PART)))
end
local told = {}
for i, key in ipairs(KEYS) do
  if taken > 0 then
    full[i] = full[i] + taken * each[i]
    redis.call('SET', key, string.format('%.0f', full[i]), 'PX', math.ceil(window[i] / 1000))
  end
  table.insert(told, full[i] - now)
  table.insert(told, wait[i])
end
return { taken, told }
