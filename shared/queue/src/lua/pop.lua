-- KEYS: ring. ARGV: common prefix, how many at most. Answers tenant, id, tenant, id …
local found = {}
while #found < 2 * tonumber(ARGV[2]) do
  local tenant = redis.call('LPOP', KEYS[1])
  if not tenant then
    break
  end
  local hints, known = ARGV[1] .. ':of:' .. tenant, ARGV[1] .. ':known:' .. tenant
  local id = redis.call('LPOP', hints)
  if id then
    redis.call('SREM', known, id)
    table.insert(found, tenant)
    table.insert(found, id)
  end
  if redis.call('EXISTS', hints) == 1 then
    redis.call('RPUSH', KEYS[1], tenant)
  else
    -- Whatever a restart may have left of the set would keep its ids from being queued again.
    redis.call('DEL', known)
  end
end
return found
