-- KEYS: ring, signal. ARGV: common prefix, tenant, then ids. Answers how many were new.
local hints, known = ARGV[1] .. ':of:' .. ARGV[2], ARGV[1] .. ':known:' .. ARGV[2]
local new = 0
for i = 3, #ARGV do
  if redis.call('SADD', known, ARGV[i]) == 1 then
    -- The first hint of a tenant puts it into the ring; it leaves it with the last.
    if redis.call('RPUSH', hints, ARGV[i]) == 1 then
      redis.call('RPUSH', KEYS[1], ARGV[2])
    end
    redis.call('LPUSH', KEYS[2], '1')
    new = new + 1
  end
end
if new > 0 then
  redis.call('LTRIM', KEYS[2], 0, 63)
end
return new
