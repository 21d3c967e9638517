-- What every script begins with: the account as it is now, by this server's clock. One hash holds all of it.
--
--   fence, owner                           of the latest lease; the fence of the record if that is later
--   record, record_end                     the newest token, and when it expires
--   failure, failure_end, failure_life     why the last mint failed, and until when nobody repeats it
--   usage, usage_at                        what was used of what the platform allows, and when it was so
--   accepted                               the latest generation that was noted as accepted
--   lease_end, lease_life                  until when somebody mints
--
-- All times are in milliseconds. Nothing is written before the first check that can fail. Proxies of managed servers let a
-- script through only if every key in it is written `KEYS[n]`, and nothing in it publishes or unpacks.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local values = redis.call('HMGET', KEYS[1],
  'fence', 'owner', 'record', 'record_end', 'failure', 'failure_end', 'failure_life', 'usage', 'usage_at', 'accepted',
  'lease_end', 'lease_life')
local fence, owner, record, record_end = values[1] or '0', values[2], values[3], values[4]
local failure, failure_end, failure_life = values[5], values[6], values[7]
local usage, usage_at, accepted = values[8], values[9], values[10] or '0'
local lease_end, lease_life = values[11], values[12]

local function rest(last)
  return math.max(0, (tonumber(last) or 0) - now)
end

-- The same, but more than the whole life means that the server's clock was set back: then it is over.
local function bounded(last, life)
  local left = rest(last)
  return left <= (tonumber(life) or 0) and left or 0
end

local function leased()
  return bounded(lease_end, lease_life)
end

local function text(number)
  return string.format('%.0f', number)
end

local function answer(status, granted)
  return {
    status,
    granted or '0',
    record,
    rest(record_end),
    failure,
    bounded(failure_end, failure_life),
    usage,
    math.max(0, now - (tonumber(usage_at) or now)),
    accepted,
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

-- A record that this version cannot read must not be overwritten while its token may live.
local function torn()
  if not string.match(fence, '^%d+$') then
    return true
  end
  if not record or rest(record_end) == 0 then
    return false
  end
  local whole, read = pcall(cjson.decode, record)
  return not (whole and type(read) == 'table' and read.v == 2 and type(read.token) == 'string')
end

-- Whether these are fence and owner of the latest lease, ended or not.
local function latest(a_fence, an_owner)
  return fence == a_fence and owner == an_owner
end

-- Redis forgets the account after this time, unless it would have kept it longer anyway.
local function keep(life)
  if redis.call('PTTL', KEYS[1]) < tonumber(life) then
    redis.call('PEXPIRE', KEYS[1], text(life))
  end
end
