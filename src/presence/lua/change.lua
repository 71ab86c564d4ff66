-- Changes who is present in a topic, in one step with the log of its presence, whose keys topic.lua knows.
-- KEYS: stream, hash of the topic `@presence.…`, members, state, entries of the owner, the owner's tombstone
--   members: member -> `connections since sequence length-of-who who data`;  state: c members, m 1 while only counts are told, l leaves of a removal under way that are not told yet
--   entries of the owner: connection -> member
-- ARGV: channel, candidate epoch, messages, bytes, ms that messages live, ms that the hash lives, members from which only
--       counts are told, members below which names are told again, changes of one message, 1 to be answered who was
--       touched, verb, then
--   apply: for each change `e`, connection, member, who, data or `l`, connection, reason, '', ''
--   remove: reason, entries removed at most, ms that the tombstone lives
-- Answer: nothing when the owner was ended; else epoch, newest sequence, members, entries removed, 1 when there are more, and of
--       each one that was touched: member, 1 for present, 1 for changed
local MEMBERS, STATE, OWN, GONE = KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local channel, candidate, messages, bytes, age, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local from, below, some, verb = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[11]

if verb == 'apply' and redis.call('GET', GONE) then return {} end

local topic = load(candidate) or create(candidate, 0, false, '')
local time = math.max(now(), topic.t)
local count = tonumber(redis.call('HGET', STATE, 'c') or '0')
local wasCounted = redis.call('HGET', STATE, 'm') == '1'
local untold = tonumber(redis.call('HGET', STATE, 'l') or '0')

local function parse(value)
  if not value then return nil end
  local connections, since, number, length, rest = string.match(value, '^(%d+) (%d+) (%d+) (%d+) (.*)$')
  length = tonumber(length)
  return { connections = tonumber(connections), since = since, sequence = number,
    who = string.sub(rest, 1, length), data = string.sub(rest, length + 1) }
end

-- What the batch has touched: `before` is the data of then, or nil.
local touched, order = {}, {}
local function touch(member)
  local known = touched[member]
  if known then return known end
  local one = parse(redis.call('HGET', MEMBERS, member))
  known = { one = one, before = one and one.data, who = one and one.who, reason = 'left' }
  touched[member] = known
  order[#order + 1] = member
  return known
end

local function enter(entry, member, who, data)
  local known = touch(member)
  local has = redis.call('HGET', OWN, entry)
  if has and has ~= member then has = nil end
  redis.call('HSET', OWN, entry, member)
  if known.one then
    known.one.data = data
    if not has then known.one.connections = known.one.connections + 1 end
  else
    known.one = { connections = 1, since = text(time), sequence = '0', who = who, data = data }
    known.who = known.who or who
    count = count + 1
  end
end

local function leave(entry, member, reason)
  redis.call('HDEL', OWN, entry)
  local known = touch(member)
  known.reason = reason
  if not known.one then return end
  known.one.connections = known.one.connections - 1
  if known.one.connections <= 0 then
    known.one = nil
    count = count - 1
  end
end

local removed, more = 0, 0
if verb == 'apply' then
  for index = 12, #ARGV, 5 do
    local entry = ARGV[index + 1]
    if ARGV[index] == 'e' then
      enter(entry, ARGV[index + 2], ARGV[index + 3], ARGV[index + 4])
    else
      local member = redis.call('HGET', OWN, entry)
      if member then leave(entry, member, ARGV[index + 2]) end
    end
  end
else
  local limit = tonumber(ARGV[13])
  redis.call('SET', GONE, '1', 'PX', ARGV[14])
  local cursor = '0'
  repeat
    local page = redis.call('HSCAN', OWN, cursor, 'COUNT', limit)
    cursor = page[1]
    for at = 1, #page[2], 2 do
      if removed < limit then
        leave(page[2][at], page[2][at + 1], ARGV[12])
        removed = removed + 1
      else
        more = 1
      end
    end
  until cursor == '0' or more == 1 or removed >= limit
  if cursor ~= '0' then more = 1 end
end

local changes, entered, left = {}, 0, 0
for _, member in ipairs(order) do
  local known = touched[member]
  local one, before = known.one, known.before
  if not one then
    if before then
      left = left + 1
      changes[#changes + 1] = { text = '{"op":"leave",' .. known.who .. ',"reason":"' .. known.reason .. '"}' }
    end
  elseif one.data ~= before then
    if not before then entered = entered + 1 end
    changes[#changes + 1] = { one = one,
      text = '{"op":"' .. (before and 'update' or 'enter') .. '",' .. one.who .. ',"data":' .. one.data .. '}' }
  end
end

local records, first = {}, topic.n + 1
local function append(payload)
  -- As record.ts lays a message down: nobody sent it.
  local record = '0,0,0;' .. payload
  if not add(topic, record, messages, time) then
    topic = create(candidate .. 'x', topic.n, false, '')
    first, records = topic.n + 1, {}
    add(topic, record, messages, time)
  end
  records[#records + 1] = record
  return text(topic.n)
end

local isCounted = wasCounted
if #changes > 0 or untold > 0 then
  if count >= from then isCounted = true elseif count < below then isCounted = false end
  if isCounted or wasCounted then
    if more == 1 and isCounted and wasCounted then
      -- The parts of one removal are one message to every reader.
      untold = untold + left
    elseif entered + left + untold > 0 or isCounted ~= wasCounted then
      local number = append('{"count":' .. count .. ',"entered":' .. entered .. ',"left":' .. left + untold .. '}')
      untold = 0
      for _, change in ipairs(changes) do
        if change.one then change.one.sequence = number end
      end
    end
  else
    for start = 1, #changes, some do
      local texts = {}
      for at = start, math.min(#changes, start + some - 1) do texts[#texts + 1] = changes[at].text end
      local number = append('{"changes":[' .. table.concat(texts, ',') .. '],"count":' .. count .. '}')
      for at = start, math.min(#changes, start + some - 1) do
        if changes[at].one then changes[at].one.sequence = number end
      end
    end
  end
end

for _, member in ipairs(order) do
  local one = touched[member].one
  if one then
    redis.call('HSET', MEMBERS, member, one.connections .. ' ' .. one.since .. ' ' .. one.sequence .. ' ' .. #one.who ..
      ' ' .. one.who .. one.data)
  else
    redis.call('HDEL', MEMBERS, member)
  end
end
if count > 0 then redis.call('HSET', STATE, 'c', count, 'm', isCounted and '1' or '0', 'l', untold) else redis.call('DEL', STATE) end

if #records > 0 then
  trim(topic, bytes, age, time)
  save(topic, time, age, ttl)
  tell(channel, topic, time, first, false, records)
end
local answer = { topic.epoch, text(topic.n), text(count), removed, more }
if ARGV[10] == '1' then
  for _, member in ipairs(order) do
    local known = touched[member]
    answer[#answer + 1] = member
    answer[#answer + 1] = known.one and 1 or 0
    answer[#answer + 1] = (known.one ~= nil) ~= (known.before ~= nil) and 1 or 0
  end
end
return answer
