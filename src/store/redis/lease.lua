-- ARGV: life, floor, owner, keep
local life, floor, owner = tonumber(ARGV[1]), ARGV[2], ARGV[3]
if torn() then
  return answer('torn')
end
if leased() > 0 then
  -- The same owner again: the connection broke before the first answer came.
  return answer(account.owner == owner and 'done' or 'refused', fence)
end
redis.call('HSET', key,
  'fence', above(floor, fence) and floor or fence,
  'owner', owner,
  'lease_end', text(now + life),
  'lease_life', text(life))
redis.call('HINCRBY', key, 'fence', 1)
keep(ARGV[4])
return answer('done', redis.call('HGET', key, 'fence'))
