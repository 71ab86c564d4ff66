-- Reads what changed. ARGV[1] the version that is known, ARGV[2] how many changes at most.
local newest = redis.call('HGET', META, 'v') or '0'
local answer = { epoch(), newest, text(now), hasEarlier() and 1 or 0, redis.call('ZCOUNT', ENDS, '-inf', now) }
local changes = redis.call('ZRANGE', CHANGES, '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
for at = 1, #changes, 2 do
  local order = redis.call('HGET', ORDERS, changes[at])
  answer[#answer + 1] = text(tonumber(changes[at + 1]))
  answer[#answer + 1] = changes[at]
  answer[#answer + 1] = order or ''
end
return answer
