-- Puts dead letters into the queue again, the oldest first: those with the ids in ARGV, or all without any. Answers how many,
-- and the size.
local wanted = {}
for at = 1, #ARGV do wanted[ARGV[at]] = true end
local letters = redis.call('LRANGE', DEAD, 0, -1)
local count = 0
for at = #letters, 1, -1 do
  local letter = cjson.decode(letters[at])
  if #ARGV == 0 or wanted[letter.id] then
    redis.call('RPUSH', EVENTS, letter.event)
    redis.call('HINCRBY', META, 'b', #letter.event)
    redis.call('LREM', DEAD, 1, letters[at])
    count = count + 1
  end
end
return { count, unpack(size()) }
