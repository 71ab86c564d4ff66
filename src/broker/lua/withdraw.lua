-- Gives up the messages up to a sequence: the topic's owner keeps another text there now.
-- KEYS: stream, hash
-- ARGV: channel, sequence
redis.call('XTRIM', STREAM, 'MINID', '=', text(tonumber(ARGV[2]) + 1) .. '-0')
-- Written down too: a node that the notice does not reach learns it of the next one, or when it asks where the topic stands.
local known = redis.call('HMGET', META, 'e', 'w')
if known[1] and tonumber(ARGV[2]) > tonumber(known[2] or '0') then redis.call('HSET', META, 'w', ARGV[2]) end
redis.call('PUBLISH', ARGV[1], 'W ' .. ARGV[2] .. '\n')
return 'withdrawn'
