-- All runs of nodes that may have somebody present, and which server keeps them: another one may have lost what was
-- written last.
-- KEYS: owners (1 while what they left is being removed)   Answer: replid, then owner and score by turns
local answer = { string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') }
for _, part in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do answer[#answer + 1] = part end
return answer
