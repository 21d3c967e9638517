-- ARGV: fence, record, left, keep, channel, message
if torn() then
  return answer('torn')
end
if above(fence, ARGV[1]) then
  return answer('refused')
end
redis.call('HSET', key, 'fence', ARGV[1], 'record', ARGV[2], 'record_end', text(now + tonumber(ARGV[3])))
redis.call('HDEL', key, 'failure', 'failure_end', 'failure_life', 'owner', 'lease_end', 'lease_life')
keep(ARGV[4])
ring(ARGV[5], ARGV[6])
return answer('done')
