-- Who has sent what a user has not read yet: a digest for each message, the oldest first. A log loses its oldest message
-- when it is full, so one sender could push out what others have sent: that sender is refused instead.
local DIGEST = 8

-- @param text `share:` and the digests of those who send now
local function openInbox(topic, text, messages, age)
  local share, senders = string.match(text, '^(%d+):(.*)$')
  local waiting = redis.call('HGET', META, 's') or ''
  if waiting ~= '' then
    local kept = topic.n - oldest(topic, age) + 1
    if kept * DIGEST < #waiting then waiting = string.sub(waiting, #waiting - kept * DIGEST + 1) end
  end
  return { share = tonumber(share), senders = senders, waiting = waiting, messages = messages }
end

local function sentBy(waiting, sender)
  local count = 0
  for at = 1, #waiting, DIGEST do
    if string.sub(waiting, at, at + DIGEST - 1) == sender then count = count + 1 end
  end
  return count
end

local function leavesOthersAlone(inbox, sender)
  local waiting = inbox.waiting
  local own, all = sentBy(waiting, sender), #waiting / DIGEST
  if all > own and own >= inbox.share then return false end
  if all < inbox.messages then return true end
  -- Whoever has more than a share makes room.
  local first = string.sub(waiting, 1, DIGEST)
  return first == sender or sentBy(waiting, first) >= inbox.share
end

-- Whether the message with this number is taken: then it is counted.
local function takes(inbox, number, channel)
  local sender = string.sub(inbox.senders, (number - 1) * DIGEST + 1, number * DIGEST)
  if not leavesOthersAlone(inbox, sender) then
    -- Somebody listens: nothing waits. Nodes ignore an empty notice.
    if redis.call('PUBLISH', channel, '') == 0 then return false end
    inbox.waiting = ''
  end
  inbox.waiting = string.sub(inbox.waiting .. sender, -inbox.messages * DIGEST)
  return true
end

local function closeInbox(inbox, heard)
  if heard then redis.call('HDEL', META, 's') else redis.call('HSET', META, 's', inbox.waiting) end
end
