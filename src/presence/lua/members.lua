-- A page of who is present in a topic, and where the log of its presence stands.
-- KEYS: hash of the topic `@presence.…`, members, state   ARGV: cursor, limit, one member or '', members beyond which there is no page
-- Answer: epoch or '', newest sequence, members in all, next cursor ('0' for none), then member and value by turns
local known = redis.call('HMGET', KEYS[1], 'e', 'n')
local answer = { known[1] or '', known[2] or '0', redis.call('HGET', KEYS[3], 'c') or '0', '0' }
if ARGV[3] ~= '' then
  local value = redis.call('HGET', KEYS[2], ARGV[3])
  if value then
    answer[5] = ARGV[3]
    answer[6] = value
  end
  return answer
end
if tonumber(answer[3]) > tonumber(ARGV[4]) then return answer end
local page = redis.call('HSCAN', KEYS[2], ARGV[1], 'COUNT', ARGV[2])
answer[4] = page[1]
for _, part in ipairs(page[2]) do answer[#answer + 1] = part end
return answer
