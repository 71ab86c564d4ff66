-- Whether a topic can make room for others: nobody follows it, and nobody but its maker has published what it holds.
-- A run looks through a part of the log; the answer says where the next one goes on, so the length of a log does not matter.
-- KEYS: stream, hash
-- ARGV: digest of the maker, the maker, its length in UTF-16, channel, `exists` to look for the topic alone, `look` to look
--       through a part of its log, `drop` to delete it when the log ends there; what the last answer said, or ''
-- Answer: `gone` when there is none of this maker any more, `used`, `unused`, `dropped`, or epoch and sequence looked at last
local digest, maker, length, channel, what, before = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
-- A run looks at so many messages, and at about so many bytes.
local MESSAGES, BYTES = 100, 262144
local v = redis.call('HMGET', META, 'e', 'u', 'n', 'b')
if not v[1] or v[2] ~= digest then return 'gone' end
if what == 'exists' then return 'used' end
-- Nodes ignore an empty notice.
if redis.call('PUBLISH', channel, '') > 0 then return 'used' end
local epoch, last = string.match(before, '^(%S+) (%d+)$')
-- In another epoch the numbers may be those of other messages.
local start = epoch == v[1] and '(' .. last .. '-0' or '-'
local size = math.max(1, tonumber(v[4]) / math.max(1, tonumber(v[3])))
local count = math.max(1, math.min(MESSAGES, math.floor(BYTES / size)))
local entries = redis.call('XRANGE', STREAM, start, '+', 'COUNT', count)
for _, entry in ipairs(entries) do
  local record = field(entry, 'd')
  local written, from = string.match(record, '^(%d+),%d+,%d+;()')
  if written ~= length or string.sub(record, from, from + #maker - 1) ~= maker then return 'used' end
end
if #entries == count then return v[1] .. ' ' .. text(sequence(entries[count])) end
if what ~= 'drop' then return 'unused' end
-- A long log is freed beside what Redis serves, unless our user may not have that done.
local freed = redis.pcall('UNLINK', STREAM, META)
if type(freed) == 'table' and freed.err then redis.call('DEL', STREAM, META) end
return 'dropped'
