-- Puts events in; the oldest give way and become dead letters. ARGV[1] events at most, ARGV[2] bytes at most, ARGV[3] dead
-- letters at most, ARGV[4] the time, ARGV[5] the reason of dead letters; then the events. Answers how many gave way, and the size.
local maxEvents, maxBytes, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bytes = 0
for at = 6, #ARGV do
  redis.call('RPUSH', EVENTS, ARGV[at])
  bytes = bytes + #ARGV[at]
end
redis.call('HINCRBY', META, 'b', bytes)

local events, total, dropped = redis.call('LLEN', EVENTS), number('b'), 0
while events > maxEvents or (total > maxBytes and events > 0) do
  local event = redis.call('LPOP', EVENTS)
  events, total, dropped = events - 1, total - #event, dropped + 1
  left(1, #event)
  local letter = { id = cjson.decode(event).id, reason = ARGV[5], at = tonumber(ARGV[4]), event = event }
  redis.call('LPUSH', DEAD, cjson.encode(letter))
end
if dropped > 0 then redis.call('LTRIM', DEAD, 0, capacity - 1) end
return { dropped, unpack(size()) }
