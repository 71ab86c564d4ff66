-- What all scripts of queues know. A lane is the digest of a message's key: of each lane one message is out, or is the next to be.
-- KEYS: stream (every message that is not settled; fields `i` id for people, `k` lane, `m` text), lanes (lane -> id of its head), held (the others
--   that were read, by `lane:id`), due (heads that wait: id, ms from which they may go out), out (id -> consumer), attempts
--   (id -> how often it was handed out), dead (stream: the same and `r` reason, `n` attempts, `a` ms), consumers (name, ms of
--   their last call), hungry (there while somebody has room and nothing to do)
local STREAM, LANES, HELD, DUE, OUT, ATTEMPTS, DEAD, CONSUMERS, HUNGRY = unpack(KEYS)
local GROUP = 'signalbox'

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function text(number) return string.format('%.0f', number) end

-- Sorted by bytes as ids are by number.
local function placed(lane, id)
  local ms, more = string.match(id, '^(%d+)-(%d+)$')
  return lane .. ':' .. string.rep('0', 15 - #ms) .. ms .. '-' .. string.rep('0', 20 - #more) .. more
end

local function idOf(member)
  local ms, more = string.match(member, ':0*(%d+)%-0*(%d+)$')
  return ms .. '-' .. more
end

-- Fields of an entry by name.
local function fieldsOf(entry)
  local fields = {}
  for at = 1, #entry, 2 do fields[entry[at]] = entry[at + 1] end
  return fields
end

local function entryOf(id)
  local found = redis.call('XRANGE', STREAM, id, id)
  return found[1] and fieldsOf(found[1][2])
end

-- The head of a lane is gone: the next one may go out.
local function advance(lane)
  local members = redis.call('ZRANGE', HELD, '[' .. lane .. ':', '(' .. lane .. ';', 'BYLEX', 'LIMIT', 0, 1)
  if #members == 0 then
    redis.call('HDEL', LANES, lane)
    return
  end
  local id = idOf(members[1])
  redis.call('ZREM', HELD, members[1])
  redis.call('HSET', LANES, lane, id)
  redis.call('ZADD', DUE, 0, id)
end

local function finish(id, lane)
  redis.call('XACK', STREAM, GROUP, id)
  redis.call('XDEL', STREAM, id)
  redis.call('HDEL', ATTEMPTS, id)
  advance(lane)
end

-- Somebody may look: nothing is told to those who are busy.
local function wake(channel)
  if redis.call('DEL', HUNGRY) == 1 then redis.call('PUBLISH', channel, '') end
end
