-- Gives up the messages up to a sequence: the topic's owner keeps another text there now.
-- KEYS: stream, hash
-- ARGV: channel, sequence
redis.call('XTRIM', STREAM, 'MINID', '=', text(tonumber(ARGV[2]) + 1) .. '-0')
redis.call('PUBLISH', ARGV[1], 'W ' .. ARGV[2] .. '\n')
return 'withdrawn'
