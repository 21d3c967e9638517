-- ARGV: generation, most
-- The record is under the fence of its own generation, or under a lease that was granted since.
local whole, read = pcall(cjson.decode, record or '')
local most = tonumber(ARGV[2])
if not whole or type(read) ~= 'table' or text(tonumber(read.generation) or 0) ~= ARGV[1] or rest(record_end) <= most then
  return answer('refused')
end
redis.call('HSET', KEYS[1], 'record_end', text(now + most))
return answer('done')
