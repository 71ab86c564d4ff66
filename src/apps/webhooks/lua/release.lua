-- A node that stops lets go: the others need not wait. ARGV[1] the node.
if redis.call('GET', DELIVERER) == ARGV[1] then redis.call('DEL', DELIVERER) end
return {}
