-- ARGV: generation
if fence == '0' or not above(ARGV[1], accepted) then
  return answer('refused')
end
redis.call('HSET', KEYS[1], 'accepted', ARGV[1])
return answer('done')
