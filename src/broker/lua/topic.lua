-- What all scripts of a topic begin with. KEYS[1] is the topic's stream, KEYS[2] the hash with what is known of it:
--   e epoch, f first sequence of the epoch, n newest sequence, r master_replid under which the epoch was minted,
--   l lineage (older epochs, newest first, `epoch:first,…`), t time of the newest message, b bytes ever appended,
--   o 1 when an owner numbers the messages, w up to where the owner has withdrawn them, u digest of the user who made it, s (inboxes) digests of those who have sent
--   what nobody has read
-- An entry of the stream has the id <sequence>-0 and the fields t (ms), b (bytes before it), d (the record).
local STREAM, META = KEYS[1], KEYS[2]
local LINEAGE = 16

local function text(number) return string.format('%.0f', number) end

local function replid() return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') end

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The newest epochs of a lineage, so that it stays short however often the primary changes.
local function shortened(lineage)
  local kept, count = {}, 0
  for era in string.gmatch(lineage, '[^,]+') do
    count = count + 1
    if count > LINEAGE then break end
    kept[count] = era
  end
  return table.concat(kept, ',')
end

-- A topic begins: whatever stream there is belongs to nobody.
local function create(epoch, last, owned, maker)
  redis.call('DEL', STREAM)
  redis.call('HSET', META, 'e', epoch, 'f', owned and '1' or text(last + 1), 'n', text(last), 'r', replid(), 'l', '',
    't', '0', 'b', '0', 'o', owned and '1' or '0', 'u', maker, 'w', '0')
  return {
    epoch = epoch, first = owned and 1 or last + 1, n = last, lineage = '', t = 0, b = 0, owned = owned, withdrawn = 0,
  }
end

-- What is known of the topic, or nil. Another primary than before may have lost the newest messages, so that it would
-- give their sequences away again: it begins a new epoch after what it has.
local function load(candidate)
  local v = redis.call('HMGET', META, 'e', 'f', 'n', 'r', 'l', 't', 'b', 'o', 'w')
  if not v[1] then return nil end
  local topic = {
    epoch = v[1], first = tonumber(v[2]), n = tonumber(v[3]), lineage = v[5], t = tonumber(v[6]),
    b = tonumber(v[7]), owned = v[8] == '1', withdrawn = tonumber(v[9] or '0'),
  }
  if topic.owned then return topic end
  local id = replid()
  if id == v[4] then return topic end
  topic.lineage = shortened(topic.epoch .. ':' .. text(topic.first) .. (v[5] == '' and '' or ',' .. v[5]))
  topic.epoch = candidate
  topic.first = topic.n + 1
  redis.call('HSET', META, 'e', topic.epoch, 'f', text(topic.first), 'r', id, 'l', topic.lineage)
  return topic
end

-- The epoch before the present one, '-' when there is none.
local function previous(topic) return string.match(topic.lineage, '^[^:]+') or '-' end

local function field(entry, name)
  local fields = entry[2]
  for at = 1, #fields, 2 do
    if fields[at] == name then return fields[at + 1] end
  end
end

local function sequence(entry) return tonumber(string.match(entry[1], '^%d+')) end

local function at(number) return redis.call('XRANGE', STREAM, text(number) .. '-0', text(number) .. '-0')[1] end

-- The first sequence in low … high whose field is at least `bound`, high + 1 when there is none.
local function search(low, high, name, bound)
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if tonumber(field(at(middle), name)) < bound then low = middle + 1 else high = middle - 1 end
  end
  return low
end

-- The oldest sequence that is younger than `age` ms, n + 1 when there is none.
local function oldest(topic, age)
  local entry = redis.call('XRANGE', STREAM, '-', '+', 'COUNT', 1)[1]
  if not entry then return topic.n + 1 end
  local deadline = now() - age
  if tonumber(field(entry, 't')) >= deadline then return sequence(entry) end
  return search(sequence(entry), topic.n, 't', deadline)
end

-- Drops what is too old or too much, in strides: a little more than asked for is kept, reads leave it out by age.
local function trim(topic, bytes, age, time)
  local entry = redis.call('XRANGE', STREAM, '-', '+', 'COUNT', 1)[1]
  local first = sequence(entry)
  local keep = first
  if tonumber(field(entry, 't')) < time - age * 1.125 then keep = search(first, topic.n, 't', time - age) end
  if topic.b - tonumber(field(entry, 'b')) > bytes * 1.125 then
    keep = math.max(keep, math.min(search(first, topic.n, 'b', topic.b - bytes), topic.n))
  end
  if keep > first then redis.call('XTRIM', STREAM, 'MINID', '=', text(keep) .. '-0') end
end

-- Adds one record as number n + 1.
local function add(topic, record, messages, time)
  local done = redis.pcall('XADD', STREAM, 'MAXLEN', '~', messages, text(topic.n + 1) .. '-0', 't', text(time), 'b',
    text(topic.b), 'd', record)
  if type(done) == 'table' and done.err then
    -- Whoever may not add must not delete either: nothing is wrong with the stream then.
    if not string.find(done.err, 'equal or smaller', 1, true) and not string.find(done.err, '^WRONGTYPE') then error(done) end
    -- The stream is ahead of the hash: somebody has meddled. A new epoch without lineage tells everybody.
    redis.call('DEL', STREAM)
    return false
  end
  topic.n = topic.n + 1
  topic.b = topic.b + #record
  return true
end

local function save(topic, time, age, ttl)
  redis.call('HSET', META, 'n', text(topic.n), 't', text(time), 'b', text(topic.b))
  redis.call('PEXPIRE', STREAM, text(age))
  redis.call('PEXPIRE', META, ttl)
end

-- One notice for all records: a line of text, then the records. Returns how many connections to this server got it.
local function tell(channel, topic, time, first, adopted, records)
  local lengths = {}
  for index, record in ipairs(records) do lengths[index] = #record end
  return redis.call('PUBLISH', channel, table.concat({ 'L', topic.epoch, text(topic.first), previous(topic), text(time),
    text(first), adopted and '1' or '0', table.concat(lengths, ','), text(topic.withdrawn) }, ' ') .. '\n' .. table.concat(records))
end
