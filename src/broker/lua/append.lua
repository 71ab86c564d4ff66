-- Stores messages and mints their sequences.
-- KEYS: stream, hash, then one key for each idempotency key
-- ARGV: channel, epoch to use if one is to be minted, messages, bytes and age (ms) to keep, ms that the hash lives,
--       ms that idempotency keys live; '' when the topic has to exist, else `=` and the digest of the user who may make it;
--       for an inbox `share:` and a digest of each message's sender, else ''; then for each message: record, number of its
--       idempotency key or 0, its digest
-- Answer: nothing when there is no such topic; else epoch, time (ms), then for each message its sequence, or
--         `D epoch sequence time` of the first use of its key, or `C` when that use had other content, or `F` when it would
--         push out what others have sent
local channel, candidate, messages, bytes, age, ttl, window, maker =
  ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local topic = load(candidate)
if not topic then
  if maker == '' then return {} end
  topic = create(candidate, 0, false, string.sub(maker, 2))
end
local inbox = ARGV[9] ~= '' and openInbox(topic, ARGV[9], tonumber(messages), age)
local time = math.max(now(), topic.t)
local records, outcomes, first = {}, {}, topic.n + 1
for index = 10, #ARGV, 3 do
  local record, key, digest = ARGV[index], KEYS[2 + tonumber(ARGV[index + 1])], ARGV[index + 2]
  local use = ARGV[index + 1] ~= '0' and redis.call('GET', key)
  if use then
    local known, rest = string.match(use, '^(%S+) (.*)$')
    outcomes[#outcomes + 1] = known == digest and 'D ' .. rest or 'C'
  elseif inbox and not takes(inbox, (index - 7) / 3, channel) then
    outcomes[#outcomes + 1] = 'F'
  else
    if not add(topic, record, messages, time) then
      topic = create(candidate .. 'x', topic.n, false, string.sub(maker, 2))
      first, records = topic.n + 1, {}
      add(topic, record, messages, time)
    end
    records[#records + 1] = record
    outcomes[#outcomes + 1] = topic.n
    if ARGV[index + 1] ~= '0' then
      redis.call('SET', key, table.concat({ digest, topic.epoch, text(topic.n), text(time) }, ' '), 'PX', window)
    end
  end
end
if #records > 0 then
  trim(topic, bytes, age, time)
  save(topic, time, age, ttl)
  local heard = tell(channel, topic, time, first, false, records) > 0
  if inbox then closeInbox(inbox, heard) end
end
return { topic.epoch, text(time), unpack(outcomes) }
