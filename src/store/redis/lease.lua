-- ARGV: life, floor, owner, keep
local life, floor = tonumber(ARGV[1]), ARGV[2]
if torn() then
  return answer('torn')
end
if leased() > 0 then
  -- The same owner again: the connection broke before the first answer came.
  return answer(owner == ARGV[3] and 'done' or 'refused', fence)
end
-- Not below the clock: after a failover or a restart, what this server remembers may be too low.
local least = text(now - 1)
local highest = above(floor, fence) and floor or fence
redis.call('HSET', KEYS[1],
  'fence', above(least, highest) and least or highest,
  'owner', ARGV[3],
  'lease_end', text(now + life),
  'lease_life', text(life))
redis.call('HINCRBY', KEYS[1], 'fence', 1)
keep(ARGV[4])
return answer('done', redis.call('HGET', KEYS[1], 'fence'))
