-- What the scripts of the queue of events begin with. KEYS[1] list: events as JSON, the oldest first; KEYS[2] hash: d how
-- many events ever left the list, b bytes of those in it; KEYS[3] list: dead letters as JSON, the newest first; KEYS[4]
-- the node that delivers.
local EVENTS, META, DEAD, DELIVERER = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function number(field) return tonumber(redis.call('HGET', META, field) or '0') end

local function size() return { redis.call('LLEN', EVENTS), number('b'), redis.call('LLEN', DEAD) } end

-- Counts events that leave the head of the list.
local function left(count, bytes)
  redis.call('HINCRBY', META, 'd', count)
  redis.call('HINCRBY', META, 'b', -bytes)
end
