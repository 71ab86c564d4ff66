-- Counts a user's session that is written now; those that are too many leave, the ones written longest ago first.
-- KEYS: the user's sessions   ARGV: id of the session, now (ms), ms that sessions live, bound
-- Answer: ids of those that leave
local key, id, now, ttl, bound = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - ttl)
redis.call('ZADD', key, now, id)
redis.call('PEXPIRE', key, ttl)
local over = redis.call('ZCOUNT', key, '-inf', '+inf') - bound
if over <= 0 then return {} end
local leaving = redis.call('ZRANGE', key, 0, over - 1)
for _, oldest in ipairs(leaving) do redis.call('ZREM', key, oldest) end
return leaving
