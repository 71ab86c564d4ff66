-- Answer: messages that are not settled, of these the ones in work, the ones that wait for their next attempt, dead letters
return {
  redis.call('XLEN', STREAM),
  redis.call('HLEN', OUT),
  redis.call('ZCOUNT', DUE, '(' .. text(now()), '+inf'),
  redis.call('XLEN', DEAD),
}
