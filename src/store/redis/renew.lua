-- ARGV: fence, owner, life
if not latest(ARGV[1], ARGV[2]) or not lease_end then
  return answer('refused')
end
local life = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], 'lease_end', text(now + life), 'lease_life', text(life))
return answer('done')
