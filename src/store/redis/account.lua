-- What every script begins with: the account as it is now, by this server's clock. One hash holds all of it.
--
--   fence                                  of the latest lease, or of the record if that is later
--   record, record_end                     the newest token, and when it expires
--   failure, failure_end, failure_life     why the last mint failed, and until when nobody repeats it
--   owner, lease_end, lease_life           who mints, and until when
--
-- All times are in milliseconds. Nothing is written before the first check that can fail.
local key = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local names = {
  'fence', 'record', 'record_end', 'failure', 'failure_end', 'failure_life', 'owner', 'lease_end', 'lease_life',
}
local account = {}
for at, value in ipairs(redis.call('HMGET', key, unpack(names))) do
  account[names[at]] = value
end
local fence = account.fence or '0'

local function rest(last)
  return math.max(0, (tonumber(last) or 0) - now)
end

-- The same, but more than the whole life means that the server's clock was set back: then it is over.
local function bounded(last, life)
  local left = rest(last)
  return left <= (tonumber(life) or 0) and left or 0
end

local function leased()
  return bounded(account.lease_end, account.lease_life)
end

local function answer(status, granted)
  return {
    status,
    granted or '0',
    account.record,
    rest(account.record_end),
    account.failure,
    bounded(account.failure_end, account.failure_life),
    leased(),
  }
end

-- Whether one fence, as decimal text, is above another. Lua's own numbers are exact to 2^53 only.
local function above(one, other)
  if #one ~= #other then
    return #one > #other
  end
  return one > other
end

-- A record that this version cannot read must not be overwritten.
local function torn()
  if not string.match(fence, '^%d+$') then
    return true
  end
  if not account.record then
    return false
  end
  local whole, record = pcall(cjson.decode, account.record)
  return not (whole and type(record) == 'table' and record.v == 1 and type(record.token) == 'string')
end

local function text(number)
  return string.format('%.0f', number)
end

-- Redis forgets the account after this time, unless it would have kept it longer anyway.
local function keep(life)
  if redis.call('PTTL', key) < tonumber(life) then
    redis.call('PEXPIRE', key, text(life))
  end
end

-- The bell is a hint: a user who may not publish can still write.
local function ring(channel, message)
  redis.pcall('PUBLISH', channel, message)
end
