-- Puts messages in, as many as there is room for.
-- ARGV: channel, messages at most, then of each its id for people, lane and text
-- Answer: how many were taken
local room = tonumber(ARGV[2]) - redis.call('XLEN', STREAM)
local taken = 0
for at = 3, #ARGV, 3 do
  if taken >= room then break end
  redis.call('XADD', STREAM, '*', 'i', ARGV[at], 'k', ARGV[at + 1], 'm', ARGV[at + 2])
  taken = taken + 1
end
if taken > 0 then wake(ARGV[1]) end
return taken
