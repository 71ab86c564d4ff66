-- Where a topic stands; a topic that does not exist begins, so that it has a position before its first message.
-- KEYS: stream, hash
-- ARGV: epoch to use if one is to be minted, ms that the hash lives, ms that the hash of an empty topic lives, '' when the
--       topic has to exist, else `=` and the digest of the user who may make it; 1 for an inbox, whose user listens now
-- Answer: nothing when there is no such topic; else epoch, its first sequence, the newest sequence, lineage,
--         up to where its owner has withdrawn messages
local topic = load(ARGV[1])
if not topic then
  if ARGV[4] == '' then return {} end
  topic = create(ARGV[1], 0, false, string.sub(ARGV[4], 2))
end
if ARGV[5] == '1' then redis.call('HDEL', META, 's') end
-- Somebody asks, so the topic is in use: its hash lives on. Not written every time, because writes are replicated.
local ttl = topic.n == 0 and tonumber(ARGV[3]) or tonumber(ARGV[2])
if redis.call('PTTL', META) < ttl / 2 then redis.call('PEXPIRE', META, text(ttl)) end
return { topic.epoch, text(topic.first), text(topic.n), topic.lineage, text(topic.withdrawn) }
