-- The oldest events, for the one node that delivers. ARGV[1] the node, ARGV[2] for how many ms it keeps the others away,
-- ARGV[3] how many events. Answers nothing when another node delivers; else how many ever left, the size, and the events.
local deliverer = redis.call('GET', DELIVERER)
if deliverer and deliverer ~= ARGV[1] then return {} end
local events = redis.call('LRANGE', EVENTS, 0, tonumber(ARGV[3]) - 1)
-- Whoever finds nothing lets go: the next node that puts something in delivers it at once.
if #events == 0 then
  if deliverer then redis.call('DEL', DELIVERER) end
else
  redis.call('SET', DELIVERER, ARGV[1], 'PX', ARGV[2])
end
local answer = { number('d'), unpack(size()) }
for at = 1, #events do answer[#answer + 1] = events[at] end
return answer
