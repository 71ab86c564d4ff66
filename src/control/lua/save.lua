-- Keeps orders. ARGV[1] an epoch, in case there is none and all is kept that is known, else ''; ARGV[2] 1 when they are given now, 0 when they are written
-- back; then for each order: place, order, 1 if it is merged, the place that it clears, the place that may have ended it.
-- Answers 1 when there is more of an earlier version to take over.
-- Looked at besides: a call must be short.
local SOME = 100

-- Versions are microseconds of the clock, or more where the clock stands still or steps back: after all data was lost
-- they do not begin again where they once were.
local version = tonumber(redis.call('HGET', META, 'v') or '0')
local clock = tonumber(time[1]) * 1000000 + tonumber(time[2])
local function changed(place)
  version = math.max(version + 1, clock)
  redis.call('ZADD', CHANGES, text(version), place)
end

local function drop(place)
  redis.call('HDEL', ORDERS, place)
  redis.call('ZREM', CHANGES, place)
  redis.call('ZREM', ENDS, place)
end

-- When an order was given and when it ends (huge when it stays), or nil. One of an earlier version says no `at`.
local function times(order)
  if not order then return nil end
  local at, ends = string.match(order, '^{"at":(%-?[%d.]+),"until":([^,]+),')
  if at then return tonumber(at), tonumber(ends) or math.huge end
  return 0, tonumber(string.match(order, '"until":(%d+)')) or math.huge
end

local function put(place, order, ends)
  redis.call('HSET', ORDERS, place, order)
  if ends == math.huge then redis.call('ZREM', ENDS, place) else redis.call('ZADD', ENDS, text(ends), place) end
  changed(place)
end

local function dated(order, at, ends)
  local rest = string.match(order, '^{"at":[^,]+,"until":[^,]+,(.*)$')
  return '{"at":' .. text(at) .. ',"until":' .. (ends == math.huge and 'null' or text(ends)) .. ',' .. rest
end

-- What an earlier version has kept gets a version of its own, some with every call; c is how far that has come. It may have put its
-- order into a place that has one. Meanwhile its counter is 0, and when it is not, there is more: from the beginning.
local isLeft = false
if hasEarlier() then
  local from = redis.call('HGET', ORDERS, EARLIER) == '0' and redis.call('HGET', META, 'c') or '0'
  local cursor, fields = unpack(redis.call('HSCAN', ORDERS, from, 'COUNT', SOME))
  for at = 1, #fields, 2 do
    local place = fields[at]
    local isOurs = string.find(fields[at + 1], '{"at":', 1, true) == 1
    if place ~= EARLIER and not (isOurs and redis.call('ZSCORE', CHANGES, place)) then
      local _, ends = times(fields[at + 1])
      if ends ~= math.huge then redis.call('ZADD', ENDS, text(ends), place) end
      changed(place)
    end
  end
  isLeft = cursor ~= '0'
  redis.call('HSET', META, 'c', cursor)
end

for _, place in ipairs(redis.call('ZRANGE', ENDS, '-inf', text(now), 'BYSCORE', 'LIMIT', 0, SOME)) do drop(place) end

for i = 3, #ARGV, 5 do
  local place, order, merged, cleared, ender = ARGV[i], ARGV[i + 1], ARGV[i + 2] == '1', ARGV[i + 3], ARGV[i + 4]
  local isGiven = ARGV[2] == '1'
  local at, ends = times(order)
  local knownAt, knownEnds = times(redis.call('HGET', ORDERS, place))
  local enderAt = ender ~= '' and times(redis.call('HGET', ORDERS, ender)) or nil
  if ends > now and (isGiven or not enderAt or enderAt < at) then
    if not knownAt then
      put(place, order, ends)
    elseif merged then
      local strongest, latest = math.max(at, knownAt), math.max(ends, knownEnds)
      if strongest > knownAt or latest > knownEnds then put(place, dated(order, strongest, latest), latest) end
    elseif isGiven or at > knownAt then
      put(place, dated(order, math.max(at, knownAt + 1), ends), ends)
    end
  end
  if cleared ~= '' then
    local clearedAt = times(redis.call('HGET', ORDERS, cleared))
    if clearedAt and (isGiven or clearedAt <= at) then drop(cleared) end
  end
end
redis.call('HSET', META, 'v', text(version))
if redis.call('ZCOUNT', CHANGES, '-inf', '+inf') > 0 then
  redis.call('HSET', ORDERS, EARLIER, isLeft and '0' or text(version))
else
  redis.call('HDEL', ORDERS, EARLIER)
end
if ARGV[1] ~= '' and not isLeft and not redis.call('HGET', META, 'e') then redis.call('HSET', META, 'e', ARGV[1]) end
return isLeft and 1 or 0
