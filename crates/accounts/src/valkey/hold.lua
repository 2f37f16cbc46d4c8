-- Holds quota for one request: what `hold` in sqlite/round.rs does, by the server's clock.
--
-- KEYS: the app's usage, its holds, its bucket; the process's last sequence number
-- ARGV: hold, day, month, lease (microseconds), quota per day or '', quota per month or '',
--       time in which a token comes back or '', time in which the bucket fills (microseconds),
--       sequence number of the round
-- Returns {'in'}, {'day'}, {'month'}, {'wait', microseconds}, or {'late'}.
local usage, holds, bucket = KEYS[1], KEYS[2], KEYS[3]
local hold, day, month, lease_us = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local quota_per_day, quota_per_month = tonumber(ARGV[5]), tonumber(ARGV[6])
local token_us, bucket_us = tonumber(ARGV[7]), tonumber(ARGV[8])

-- This request arrives late, on a connection that the process has given up. The process has settled
-- later rounds meanwhile, and would never release this hold.
if (tonumber(redis.call('GET', KEYS[4])) or 0) > tonumber(ARGV[9]) then
  return {'late'}
end

-- The request is repeated, because the first reply was lost.
if redis.call('ZSCORE', holds, hold) then
  return {'in'}
end

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', holds, '-inf', now_us)

local held = redis.call('ZCARD', holds)
local used = redis.call('HMGET', usage, day, month)
if quota_per_day and (tonumber(used[1]) or 0) + held >= quota_per_day then
  return {'day'}
end
if quota_per_month and (tonumber(used[2]) or 0) + held >= quota_per_month then
  return {'month'}
end

if token_us then
  local full_at_us = tonumber(redis.call('GET', bucket)) or now_us
  full_at_us = math.max(now_us, math.min(full_at_us, now_us + bucket_us))
  local wait_us = full_at_us + token_us - now_us - bucket_us
  if wait_us <= 0 then
    full_at_us = full_at_us + token_us
  end
  local keep_ms = math.ceil((full_at_us - now_us) / 1000) + 1000
  redis.call('SET', bucket, string.format('%.0f', full_at_us), 'PX', keep_ms)
  if wait_us > 0 then
    return {'wait', wait_us}
  end
end

redis.call('ZADD', holds, now_us + lease_us, hold)
return {'in'}
