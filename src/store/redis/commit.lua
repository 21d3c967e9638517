-- ARGV: fence, owner, record, left, usage, keep
if torn() then
  return answer('torn')
end
-- The same fence and another owner: this server took over from one that granted it, and had not heard of that.
if above(fence, ARGV[1]) or (fence == ARGV[1] and owner ~= ARGV[2]) then
  return answer('refused')
end
redis.call('HSET', KEYS[1],
  'fence', ARGV[1],
  'owner', ARGV[2],
  'record', ARGV[3],
  'record_end', text(now + tonumber(ARGV[4])),
  'usage', ARGV[5],
  'usage_at', text(now))
redis.call('HDEL', KEYS[1], 'failure', 'failure_end', 'failure_life', 'lease_end', 'lease_life')
keep(ARGV[6])
return answer('done')
