-- Makes a settlement. A settlement that is posted twice is made once.
--
-- KEYS: the process's last sequence number
-- ARGV: sequence number, prefix of all keys, the settlement as JSON:
--   counts: {app, day, month, requests}; released: {app, hold}; used_keys: {app, digest, seconds}
local sequence, prefix = tonumber(ARGV[1]), ARGV[2]
if sequence <= (tonumber(redis.call('GET', KEYS[1])) or 0) then
  return 0
end
-- A process that was cut off for longer than a week is lost.
redis.call('SET', KEYS[1], ARGV[1], 'EX', 7 * 24 * 3600)

local settlement = cjson.decode(ARGV[3])
for _, count in ipairs(settlement.counts) do
  local app, day, month, requests = unpack(count)
  redis.call('HINCRBY', prefix .. 'usage:' .. app, day, requests)
  redis.call('HINCRBY', prefix .. 'usage:' .. app, month, requests)
  redis.call('SADD', prefix .. 'metered', app)
end
for _, release in ipairs(settlement.released) do
  redis.call('ZREM', prefix .. 'holds:' .. release[1], release[2])
end
for _, use in ipairs(settlement.used_keys) do
  local app, digest, seconds = unpack(use)
  local field = app .. ' ' .. digest
  -- The use of a key that was removed meanwhile is not stored.
  local record = redis.call('HGET', prefix .. 'apps', app)
  local is_active = record and string.find(record, digest, 1, true)
  if is_active and seconds > (tonumber(redis.call('HGET', prefix .. 'key_used', field)) or 0) then
    redis.call('HSET', prefix .. 'key_used', field, seconds)
  end
end
return 1
