-- Drops messages that are not in work, of those up to an id, a part at a time.
-- ARGV: id after which to begin or ``, last id or `` for the newest, how many are looked at
-- Answer: how many were dropped, the id of the last one looked at or `` at the end, the last id
local from, last, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
if last == '' then
  local newest = redis.call('XREVRANGE', STREAM, '+', '-', 'COUNT', 1)
  if #newest == 0 then return { 0, '', '' } end
  last = newest[1][1]
end
local entries = redis.call('XRANGE', STREAM, from == '' and '-' or '(' .. from, last, 'COUNT', count)
local dropped = 0
for _, entry in ipairs(entries) do
  local id, lane = entry[1], fieldsOf(entry[2]).k
  if redis.call('HEXISTS', OUT, id) == 0 then
    redis.call('ZREM', DUE, id)
    redis.call('ZREM', HELD, placed(lane, id))
    redis.pcall('XACK', STREAM, GROUP, id)
    redis.call('XDEL', STREAM, id)
    redis.call('HDEL', ATTEMPTS, id)
    if redis.call('HGET', LANES, lane) == id then advance(lane) end
    dropped = dropped + 1
  end
end
return { dropped, #entries < count and '' or entries[#entries][1], last }
