-- What the scripts of standing orders begin with. KEYS[1] hash: place -> order as JSON, whose times come first;
-- KEYS[2] sorted set: places by the version of their last change; KEYS[3] sorted set: places by when they are over;
-- KEYS[4] hash: e epoch, v version of the newest change.
local ORDERS, CHANGES, ENDS, META = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- The counter of an earlier version of this software, which kept orders without the rest. Where nothing of it is left to take over,
-- it is the version of the newest change: nodes of that version read the orders when it is another than they know.
local EARLIER = 'version'

local function text(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Another primary than before may have lost the newest orders.
local function epoch()
  local kept = redis.call('HGET', META, 'e')
  if not kept then return '' end
  return kept .. ':' .. (string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or '')
end

-- Whether a node of an earlier version has kept something since.
local function hasEarlier()
  local counter = redis.call('HGET', ORDERS, EARLIER)
  return counter and counter ~= redis.call('HGET', META, 'v')
end
