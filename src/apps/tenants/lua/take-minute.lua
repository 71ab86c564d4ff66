-- KEYS[1] the counter of a tenant and minute. ARGV: limit, seconds that it is kept.
-- Only what fits is counted: a limit that is raised leaves room at once, however many were refused before.
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
