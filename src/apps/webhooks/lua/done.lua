-- Removes what is delivered. ARGV[1] the node, ARGV[2] how many events have then ever left. What gave way meanwhile has
-- left already. Answers the size.
if redis.call('GET', DELIVERER) == ARGV[1] then
  local count = tonumber(ARGV[2]) - number('d')
  if count > 0 then
    local bytes = 0
    for _, event in ipairs(redis.call('LRANGE', EVENTS, 0, count - 1)) do bytes = bytes + #event end
    redis.call('LTRIM', EVENTS, count, -1)
    left(count, bytes)
  end
end
return size()
