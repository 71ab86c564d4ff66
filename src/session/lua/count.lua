-- Counts a session that is written now; sessions that are too many leave: those of its user, the ones written longest ago
-- first, and in a tenant those of the user who has the most.
-- KEYS: the user's sessions, a sorted set of ids by when they were written; of a tenant with a name also what the keys of
--   its books begin with, in the same slot:
--   <base>:all sorted set, `id user` of the tenant's sessions by when they were written; <base>:users sorted set, how many
--   each user has; <base>:of:user the sessions of a user, as above
-- ARGV: id of the session, its user (a digest), now (ms), ms that sessions live, bound of the user, bound of the tenant
-- Answer: ids of those that leave
local own, base, id, user = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local now, ttl, perUser, perTenant = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
-- Sessions that expire and sessions that leave in one run; the next run goes on.
local AT_ONCE = 100
local all, users = base and base .. ':all', base and base .. ':users'

local function size(key) return redis.call('ZCOUNT', key, '-inf', '+inf') end

local function countOf(who) return tonumber(redis.call('ZSCORE', users, who) or 0) end

local function change(who, by)
  local to = countOf(who) + by
  if to > 0 then redis.call('ZADD', users, to, who) else redis.call('ZREM', users, who) end
end

local function forget(key, who, session)
  if redis.call('ZREM', key, session) == 0 or not base then return end
  redis.call('ZREM', all, session .. ' ' .. who)
  change(who, -1)
end

local function oldestOfAll()
  local found = redis.call('ZRANGE', all, 0, 0)
  return string.match(found[1], '^(%S+) (%S+)$')
end

for _, expired in ipairs(redis.call('ZRANGE', own, '-inf', now - ttl, 'BYSCORE')) do forget(own, user, expired) end
if base then
  for _, entry in ipairs(redis.call('ZRANGE', all, '-inf', now - ttl, 'BYSCORE', 'LIMIT', 0, AT_ONCE)) do
    local expired, who = string.match(entry, '^(%S+) (%S+)$')
    forget(base .. ':of:' .. who, who, expired)
  end
end
if redis.call('ZADD', own, now, id) == 1 and base then change(user, 1) end
redis.call('PEXPIRE', own, ttl)
if base then
  redis.call('ZADD', all, now, id .. ' ' .. user)
  redis.call('PEXPIRE', all, ttl)
  redis.call('PEXPIRE', users, ttl)
end

local leaving = {}
local function leave(key, who, session)
  forget(key, who, session)
  leaving[#leaving + 1] = session
end

local over = size(own) - perUser
if over > 0 then
  for _, oldest in ipairs(redis.call('ZRANGE', own, 0, over - 1)) do leave(own, user, oldest) end
end
if base then
  for _ = 1, math.min(AT_ONCE, size(all) - perTenant) do
    local largest = redis.call('ZRANGE', users, 0, 0, 'REV')[1]
    -- Where nobody has more than one, the oldest of all goes.
    if largest and countOf(largest) > 1 then
      local theirs = base .. ':of:' .. largest
      leave(theirs, largest, redis.call('ZRANGE', theirs, 0, 0)[1])
    else
      local oldest, who = oldestOfAll()
      leave(base .. ':of:' .. who, who, oldest)
    end
  end
end
return leaving
