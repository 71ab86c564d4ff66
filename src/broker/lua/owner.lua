-- Stores a message at the sequence that the topic's owner gave it.
-- KEYS: stream, hash
-- ARGV: channel, epoch, sequence, record, messages, bytes and age (ms) to keep, ms that the hash lives,
--       the owner's time (ms)
-- Answer: `appended`, `duplicate`, `conflict`, or `ahead` and the sequence that is expected
local channel, epoch, wanted, record, messages, bytes, age, ttl, stamp = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4],
  ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local topic = load(epoch)
local first = topic and oldest(topic, age) or 1
local adopted = false
if not topic or (first > topic.n and (topic.epoch ~= epoch or topic.n + 1 ~= wanted)) then
  topic = create(epoch, wanted - 1, true, '')
  adopted = true
end
if topic.epoch ~= epoch then return { 'conflict' } end
if wanted > topic.n + 1 then return { 'ahead', text(topic.n + 1) } end
if wanted <= topic.n then
  if wanted < first then return { 'duplicate' } end
  return { field(at(wanted), 'd') == record and 'duplicate' or 'conflict' }
end
local time = math.max(stamp, topic.t)
if not add(topic, record, messages, time) then
  topic = create(epoch, wanted - 1, true, '')
  add(topic, record, messages, time)
  adopted = true
end
trim(topic, bytes, age, time)
save(topic, time, age, ttl)
tell(channel, topic, time, wanted, adopted, { record })
return { 'appended' }
