--- Durations and sizes as people write them: a number, or "250ms", "64M".
local unit = {}

local SECONDS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }

--- Seconds of `value`: a number, or text such as "250ms", "5s", "10m", "2h", "1d".
-- @tparam number|string value
-- @tparam[opt] integer level whom to blame, as `error` takes it (default: the caller's caller)
-- @treturn number seconds
function unit.seconds(value, level)
  if type(value) == "number" and value >= 0 and value < math.huge then
    return value
  end
  if type(value) == "string" and #value < 32 then
    local number, suffix = value:match "^(%d+%.?%d*)(%a*)$"
    local factor = SECONDS[suffix == "" and "s" or suffix]
    if number and factor then
      return tonumber(number) * factor
    end
  end
  error(('a duration is a number of seconds or a text like "250ms", "5s", "10m": got %s')
    :format(type(value) == "string" and ("%q"):format(value) or tostring(value)), (level or 2) + 1)
end

local BYTES = { [""] = 1, B = 1, K = 1024, M = 1024 ^ 2, G = 1024 ^ 3 }

--- Bytes of `value`: a number, or text such as "64K", "8M", "1G".
-- @tparam number|string value
-- @tparam[opt] integer level whom to blame, as `error` takes it
-- @treturn number bytes
function unit.bytes(value, level)
  if type(value) == "number" and value >= 0 and value < math.huge then
    return value
  end
  if type(value) == "string" and #value < 32 then
    local number, suffix = value:match "^(%d+%.?%d*)(%a?)$"
    if number and BYTES[suffix] then
      return tonumber(number) * BYTES[suffix]
    end
  end
  error(('a size is a number of bytes or a text like "64K", "8M": got %s')
    :format(type(value) == "string" and ("%q"):format(value) or tostring(value)), (level or 2) + 1)
end

return unit
