-- A page of a topic's log.
-- KEYS: stream, hash
-- ARGV: epoch to use if one is to be minted, where to start (`earliest`, `since`, `position`), epoch and sequence of the
--       position or '' and a time (ms), upper end (exclusive) or '', limit, bytes, `reverse` or '', age (ms)
-- Answer: nothing when there is no such topic; else epoch, its first sequence, newest sequence, lineage, oldest
--         sequence, the sequence that the request starts after, `history_lost`, `unknown_epoch` or '', up to
--         where the owner has withdrawn messages, then for each message sequence, time, record
local candidate, kind, epoch, start, before, limit, bytes, reverse, age = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]),
  tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == 'reverse', tonumber(ARGV[9])
local CHUNK = 100
local topic = load(candidate)
if not topic then return {} end
local first = oldest(topic, age)

-- A position of an older epoch is good as long as it lies before the epoch that followed.
local function resolve()
  if epoch == topic.epoch then
    if start <= topic.n then return start, '' end
    return topic.first - 1, 'history_lost'
  end
  local follower = topic.first
  for name, from in string.gmatch(topic.lineage, '([^:,]+):(%d+)') do
    if name == epoch then
      if start < follower then return start, '' end
      return follower - 1, 'history_lost'
    end
    follower = tonumber(from)
  end
  return topic.first - 1, 'unknown_epoch'
end

local after, lost = first - 1, ''
if kind == 'since' then after = search(first, topic.n, 't', start) - 1
elseif kind == 'position' then after, lost = resolve() end

local page = { topic.epoch, text(topic.first), text(topic.n), topic.lineage, text(first), text(after), lost,
  text(topic.withdrawn) }
local low, high = math.max(after + 1, first), math.min(before and before - 1 or topic.n, topic.n)
local taken, size = 0, 0
while taken < limit and low <= high do
  local count = math.min(CHUNK, limit - taken)
  local entries
  if reverse then entries = redis.call('XREVRANGE', STREAM, text(high) .. '-0', text(low) .. '-0', 'COUNT', count)
  else entries = redis.call('XRANGE', STREAM, text(low) .. '-0', text(high) .. '-0', 'COUNT', count) end
  for _, entry in ipairs(entries) do
    local record = field(entry, 'd')
    size = size + #record
    if size > bytes and taken > 0 then return page end
    page[#page + 1] = text(sequence(entry))
    page[#page + 1] = field(entry, 't')
    page[#page + 1] = record
    taken = taken + 1
  end
  if #entries < count then break end
  if reverse then high = high - count else low = low + count end
end
return page
