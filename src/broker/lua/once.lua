-- Publishes a message of an ephemeral topic unless its idempotency key was used before.
-- KEYS: idempotency key   ARGV: digest, ms that the key lives, channel, notice
-- Answer: `published`, `duplicate` or `conflict`
local use = redis.call('GET', KEYS[1])
if use then return use == ARGV[1] and 'duplicate' or 'conflict' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 'published'
