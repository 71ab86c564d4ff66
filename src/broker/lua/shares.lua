-- Who has made the topics that there are. Topics expire by themselves, and nobody tells: what is counted and gone is found
-- by looking, at the oldest entries when a bound is reached and at two of them with every topic that is made.
-- KEYS: what the keys begin with, all in one slot
--   <base>:due sorted set, `topic user` by the time when to look at it; <base>:of:tenant/user sorted set, the user's topics
--   by when they were made or found in use; <base>:users:tenant, <base>:tenants sorted sets, how many topics each has
-- ARGV: now (ms), ms until a topic is looked at again, bounds in all, per tenant and per user, entries to look at, `own`
--       when the user who asks has to make room or '', number of outcomes, then topic, user and outcome (`dropped`,
--       `gone`, `used`, `there`) of each; then topic and user that want to be counted, if any
-- Answer: '' or the bound that leaves no room (`total`, `tenant`, `user`), then topic, user and `own` (it may be dropped) or
--         `any` (it is only looked for whether it is gone) of what to look at
local base, now, again, looked, own = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[6]), ARGV[7] == 'own'
local total, perTenant, perUser = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- A topic is counted before it is made: for so long (ms) it may not be there yet.
local BEING_MADE = 10000
local due, tenants = base .. ':due', base .. ':tenants'

local function tenantOf(topic) return string.match(topic, '^([^/]*)/') or '' end
local function usersOf(tenant) return base .. ':users:' .. tenant end
local function topicsOf(tenant, user) return base .. ':of:' .. tenant .. '/' .. user end
local function count(key, member) return tonumber(redis.call('ZSCORE', key, member) or 0) end
local function first(key)
  local found = redis.call('ZRANGE', key, 0, 0, 'REV')
  return found[1]
end

local function change(key, member, by)
  local to = count(key, member) + by
  if to > 0 then redis.call('ZADD', key, to, member) else redis.call('ZREM', key, member) end
end

local function settle(topic, user, outcome)
  local tenant, entry = tenantOf(topic), topic .. ' ' .. user
  local at = tonumber(redis.call('ZSCORE', due, entry) or 0)
  if at == 0 then return end
  local isBeingMade = outcome == 'gone' and at - again > now - BEING_MADE
  if outcome == 'dropped' or (outcome == 'gone' and not isBeingMade) then
    redis.call('ZREM', due, entry)
    redis.call('ZREM', topicsOf(tenant, user), topic)
    change(usersOf(tenant), user, -1)
    change(tenants, tenant, -1)
    return
  end
  if not isBeingMade then redis.call('ZADD', due, now + again, entry) end
  -- To the end, so that the next look is at others.
  if outcome ~= 'there' then redis.call('ZADD', topicsOf(tenant, user), now, topic) end
end

local answer = {}
local function lookAt(found, kind)
  for _, entry in ipairs(found) do
    local topic, user = string.match(entry, '^(%S+) (.*)$')
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = topic, user, kind
  end
end

local function lookAtTopicsOf(tenant, user)
  -- Whoever has one only is no hoarder.
  if count(usersOf(tenant), user) < 2 then return end
  local found = redis.call('ZRANGE', topicsOf(tenant, user), 0, looked - 1)
  for at, topic in ipairs(found) do found[at] = topic .. ' ' .. user end
  lookAt(found, 'own')
end

-- Who of a tenant makes room for a user: whoever has the most, of those with as many the one that asks.
local function largestOf(tenant, user)
  local largest = first(usersOf(tenant))
  if own or not largest or count(usersOf(tenant), largest) <= count(usersOf(tenant), user) + 1 then return user end
  return largest
end

local function admit(topic, user)
  local tenant = tenantOf(topic)
  if redis.call('ZSCORE', due, topic .. ' ' .. user) then return '' end
  if count(usersOf(tenant), user) >= perUser then
    lookAtTopicsOf(tenant, user)
    return 'user'
  end
  -- Those without a tenant are all users of most services: their bound is the one that all share.
  if tenant ~= '' and count(tenants, tenant) >= perTenant then
    lookAtTopicsOf(tenant, largestOf(tenant, user))
    return 'tenant'
  end
  if redis.call('ZCOUNT', due, '-inf', '+inf') >= total then
    local largest = first(tenants) or tenant
    if not own and count(tenants, largest) > count(tenants, tenant) then
      lookAtTopicsOf(largest, first(usersOf(largest)))
    else
      lookAtTopicsOf(tenant, largestOf(tenant, user))
    end
    lookAt(redis.call('ZRANGE', due, 0, looked - 1), 'any')
    return 'total'
  end
  redis.call('ZADD', due, now + again, topic .. ' ' .. user)
  redis.call('ZADD', topicsOf(tenant, user), now, topic)
  change(usersOf(tenant), user, 1)
  change(tenants, tenant, 1)
  lookAt(redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, 2), 'any')
  return ''
end

local after = 9 + 3 * tonumber(ARGV[8])
for at = 9, after - 1, 3 do settle(ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
local full = ARGV[after] and admit(ARGV[after], ARGV[after + 1]) or ''
return { full, unpack(answer) }
