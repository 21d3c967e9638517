-- ARGV: fence, failure or nothing, left, channel, message
if fence ~= ARGV[1] then
  return answer('refused')
end
redis.call('HDEL', key, 'failure', 'failure_end', 'failure_life', 'owner', 'lease_end', 'lease_life')
if ARGV[2] ~= '' then
  local left = tonumber(ARGV[3])
  redis.call('HSET', key,
    'failure', ARGV[2],
    'failure_end', text(now + left),
    'failure_life', text(left))
end
ring(ARGV[4], ARGV[5])
return answer('done')
