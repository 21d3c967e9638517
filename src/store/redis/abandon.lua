-- ARGV: fence, owner, failure or nothing, left, usage, keep
if not latest(ARGV[1], ARGV[2]) then
  return answer('refused')
end
redis.call('HDEL', KEYS[1], 'failure', 'failure_end', 'failure_life', 'lease_end', 'lease_life')
redis.call('HSET', KEYS[1], 'usage', ARGV[5], 'usage_at', text(now))
if ARGV[3] ~= '' then
  local left = tonumber(ARGV[4])
  redis.call('HSET', KEYS[1],
    'failure', ARGV[3],
    'failure_end', text(now + left),
    'failure_life', text(left))
end
keep(ARGV[6])
return answer('done')
