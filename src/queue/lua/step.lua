-- A consumer says what became of its messages, and takes more.
-- ARGV: channel, consumer, room, ms after which a consumer that says nothing is gone, dead letters at most, 1 when the consumer
--   leaves, number of ids that it holds or -1 when it has heard all answers, these ids, then of each message: what (`done`,
--   `later`, `back`, `dead`), id, lane, and ms with 0 or 1 whether it was an attempt, or a reason and nothing
-- Answer: 1 when it was still counted among the consumers, 1 when there is more at once, then of each message handed out its id,
--   lane, attempt and text
local channel, consumer, room, lease = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most, isLeaving, heldCount = ARGV[5], ARGV[6] == '1', tonumber(ARGV[7])
local ROUNDS, COUNT, BYTES = 20, 50, 4 * 1024 * 1024
local time = now()

local answer = { redis.call('ZSCORE', CONSUMERS, consumer) and 1 or 0, 0 }
local at = 8 + math.max(0, heldCount)
while at <= #ARGV do
  local what, id, lane, first, second = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  at = at + 5
  -- Else it is somebody else's by now, or this was said before.
  if redis.call('HGET', OUT, id) == consumer then
    redis.call('HDEL', OUT, id)
    if what == 'done' then
      finish(id, lane)
    elseif what == 'later' then
      if second == '0' then redis.call('HINCRBY', ATTEMPTS, id, -1) end
      redis.call('ZADD', DUE, text(time + tonumber(first)), id)
    elseif what == 'back' then
      redis.call('ZADD', DUE, 0, id)
    else
      local entry = entryOf(id)
      if entry then
        local attempts = redis.call('HGET', ATTEMPTS, id) or '0'
        redis.call('XADD', DEAD, 'MAXLEN', most, '*', 'i', entry.i, 'k', lane, 'm', entry.m, 'r', first, 'n', attempts, 'a', text(time))
      end
      finish(id, lane)
    end
  end
end

-- What was handed out in an answer that did not arrive.
if heldCount >= 0 then
  local holds = {}
  for held = 8, 7 + heldCount do holds[ARGV[held]] = true end
  local out = redis.call('HGETALL', OUT)
  for index = 1, #out, 2 do
    if out[index + 1] == consumer and not holds[out[index]] then
      redis.call('HDEL', OUT, out[index])
      redis.call('ZADD', DUE, 0, out[index])
    end
  end
end

-- What was in the hands of consumers that are gone.
local gone = redis.call('ZRANGE', CONSUMERS, '-inf', '(' .. text(time - lease), 'BYSCORE', 'LIMIT', 0, 10)
if isLeaving then gone[#gone + 1] = consumer else redis.call('ZADD', CONSUMERS, text(time), consumer) end
if #gone > 0 then
  local isGone = {}
  for _, name in ipairs(gone) do isGone[name] = name ~= consumer or isLeaving end
  local out = redis.call('HGETALL', OUT)
  for index = 1, #out, 2 do
    if isGone[out[index + 1]] then
      redis.call('HDEL', OUT, out[index])
      redis.call('ZADD', DUE, 0, out[index])
    end
  end
  for name, is in pairs(isGone) do
    if is then
      redis.call('ZREM', CONSUMERS, name)
      redis.pcall('XGROUP', 'DELCONSUMER', STREAM, GROUP, name)
    end
  end
end

local given, bytes = 0, 0
local function hand(id, lane, message)
  redis.call('HSET', OUT, id, consumer)
  local size = #answer
  answer[size + 1], answer[size + 2], answer[size + 3], answer[size + 4] = id, lane, redis.call('HINCRBY', ATTEMPTS, id, 1), message
  given = given + 1
  bytes = bytes + #message
end

local function giveDue()
  for _, id in ipairs(redis.call('ZRANGE', DUE, '-inf', text(time), 'BYSCORE', 'LIMIT', 0, room - given)) do
    if bytes >= BYTES then return end
    redis.call('ZREM', DUE, id)
    local entry = entryOf(id)
    if entry then
      redis.call('XCLAIM', STREAM, GROUP, consumer, 0, id, 'FORCE', 'JUSTID')
      hand(id, entry.k, entry.m)
    else
      -- Somebody has deleted the entry by hand: the others of its lane do not wait for it.
      local lanes = redis.call('HGETALL', LANES)
      for index = 1, #lanes, 2 do
        if lanes[index + 1] == id then advance(lanes[index]) end
      end
      redis.call('HDEL', ATTEMPTS, id)
    end
  end
end

local function read(count)
  local found = redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', STREAM, '>')
  if found and found.err then
    redis.call('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM')
    found = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', STREAM, '>')
  end
  return found and found[1] and found[1][2] or {}
end

if room > 0 and not isLeaving then
  giveDue()
  local isDry = false
  for _ = 1, ROUNDS do
    if given >= room or bytes >= BYTES then break end
    local count = math.min(room - given, COUNT)
    local entries = read(count)
    for _, entry in ipairs(entries) do
      local id, fields = entry[1], fieldsOf(entry[2])
      if redis.call('HSETNX', LANES, fields.k, id) == 1 then
        hand(id, fields.k, fields.m)
      else
        redis.call('ZADD', HELD, 0, placed(fields.k, id))
      end
    end
    isDry = #entries < count
    if isDry then break end
  end
  if given < room then
    if isDry then redis.call('SET', HUNGRY, '1') else answer[2] = 1 end
  end
end
if (given >= room or isLeaving) and redis.call('ZCOUNT', DUE, '-inf', text(time)) > 0 then wake(channel) end
return answer
