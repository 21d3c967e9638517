-- ARGV: fence, life
if fence ~= ARGV[1] or not account.lease_end then
  return answer('refused')
end
local life = tonumber(ARGV[2])
redis.call('HSET', key, 'lease_end', text(now + life), 'lease_life', text(life))
return answer('done')
