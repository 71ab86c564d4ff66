-- All runs of nodes that may have somebody present, and what tells that something was lost: the server that keeps them,
-- and a name that is made anew when it is missing, because all data was thrown away.
-- KEYS: owners (1 while what they left is being removed), the name   ARGV: a name, in case there is none
-- Answer: era, then owner and score by turns
local name = redis.call('GET', KEYS[2])
if not name then
  name = ARGV[1]
  redis.call('SET', KEYS[2], name)
end
local answer = { string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') .. ' ' .. name }
for _, part in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do answer[#answer + 1] = part end
return answer
