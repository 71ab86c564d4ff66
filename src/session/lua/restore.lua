-- Stores a session unless there is one that was saved later. Its time begins anew.
-- KEYS: session   ARGV: the session as JSON, when it was saved (ms), ms that it lives
local present = redis.call('GET', KEYS[1])
if present then
  local isReadable, session = pcall(cjson.decode, present)
  local saved = isReadable and type(session) == 'table' and tonumber(session.savedAt) or 0
  if saved > tonumber(ARGV[2]) then return 'newer' end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 'restored'
