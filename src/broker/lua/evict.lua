-- Whether a topic can make room for others: nobody follows it, and nobody but its maker has published what it holds.
-- KEYS: stream, hash
-- ARGV: digest of the maker, the maker, its length in UTF-16, channel, `drop` to delete the topic or ''
-- Answer: `gone` when there is none of this maker any more, `used`, `unused`, or `dropped`
local digest, maker, length, channel, drop = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == 'drop'
-- What holds more is not looked through, and stays.
local LOOKED_AT = 100
local v = redis.call('HMGET', META, 'e', 'u')
if not v[1] or v[2] ~= digest then return 'gone' end
-- Nodes ignore an empty notice.
if redis.call('PUBLISH', channel, '') > 0 then return 'used' end
local entries = redis.call('XRANGE', STREAM, '-', '+', 'COUNT', LOOKED_AT + 1)
if #entries > LOOKED_AT then return 'used' end
for _, entry in ipairs(entries) do
  local record = field(entry, 'd')
  local size, start = string.match(record, '^(%d+),%d+,%d+;()')
  if size ~= length or string.sub(record, start, start + #maker - 1) ~= maker then return 'used' end
end
if not drop then return 'unused' end
redis.call('DEL', STREAM, META)
return 'dropped'
