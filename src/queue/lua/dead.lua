-- Puts dead letters behind what waits, as new messages; the oldest first.
-- ARGV: channel, messages at most, how many, then ids for people, or none for all
-- Answer: how many, 1 when the queue is full
local room, limit = tonumber(ARGV[2]) - redis.call('XLEN', STREAM), tonumber(ARGV[3])
local wanted = nil
if #ARGV > 3 then
  wanted = {}
  for at = 4, #ARGV do wanted[ARGV[at]] = true end
end
local CHUNK = 100
local count, isFull, from = 0, 0, '-'
while true do
  local entries = redis.call('XRANGE', DEAD, from, '+', 'COUNT', CHUNK)
  for _, entry in ipairs(entries) do
    local fields = fieldsOf(entry[2])
    if count >= limit then break end
    if not wanted or wanted[fields.i] then
      if count >= room then
        isFull = 1
        break
      end
      redis.call('XADD', STREAM, '*', 'i', fields.i, 'k', fields.k, 'm', fields.m)
      redis.call('XDEL', DEAD, entry[1])
      count = count + 1
    end
  end
  if #entries < CHUNK or count >= limit or isFull == 1 then break end
  from = '(' .. entries[#entries][1]
end
if count > 0 then wake(ARGV[1]) end
return { count, isFull }
