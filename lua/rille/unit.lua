--- Durations and sizes as people write them: a number, or "250ms", "64M".
local core = require "rille.core"

local unit = {}

-- Whoever writes "200" may mean ms or s, KB or MB.
local function refuse(value, noun, units, level)
  local shown = type(value) == "string" and ("%q"):format(value) or type(value) == "number" and value or "a " .. type(value)
  local is_bare = type(value) == "string" and tonumber(value)
  error(("a %s: got %s%s"):format(noun, shown, is_bare and (", whose unit is missing: %s, or the number %s")
    :format((units:gsub("#", value)), value) or ""), level + 1)
end

local MOST_SECONDS = 1e12 -- 30,000 years: no timer of the loop's goes further

local SECONDS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }

--- Seconds of `value`: a number, or text such as "250ms", "5s", "10m", "2h", "1d".
-- @tparam number|string value
-- @tparam[opt] integer level whom to blame, as `error` takes it (default: the caller's caller)
-- @treturn number seconds
function unit.seconds(value, level)
  local seconds = value
  if type(value) == "string" and #value < 32 then
    local number, suffix = value:match "^(%d+%.?%d*)(%a*)$"
    seconds = number and SECONDS[suffix] and tonumber(number) * SECONDS[suffix]
  end
  if type(seconds) == "number" and seconds >= 0 and seconds < MOST_SECONDS then
    return seconds
  end
  refuse(value, 'duration is a number of seconds or a text like "250ms", "5s", "10m"', '"#s", "#ms"', (level or 2) + 1)
end

--- Milliseconds of a timeout that may be left out: what is none is refused, wherever nobody has to wait, too.
-- @tparam ?number|string value as for unit.seconds
-- @tparam[opt] integer level whom to blame, as `error` takes it (default: the caller's caller)
-- @treturn ?number nil for nil
function unit.ms(value, level)
  return value and unit.seconds(value, (level or 2) + 1) * 1000 or nil
end

local BYTES = { B = 1, K = 1024, M = 1024 ^ 2, G = 1024 ^ 3 }

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
  refuse(value, 'size is a number of bytes or a text like "64K", "8M"', '"#K", "#M"', (level or 2) + 1)
end

--- Bytes that a request's body may have in some place. The setting max_body is for all: what
-- is longer has been refused before.
-- @tparam number|string value
-- @tparam[opt] integer level whom to blame, as `error` takes it
-- @treturn number bytes
function unit.body(value, level)
  level = (level or 2) + 1
  local bytes, most = unit.bytes(value, level), core.settings and core.settings.max_body
  if most and bytes > most then
    error(("%s is more than the setting max_body, %d bytes, which holds for all: raise that, and say less elsewhere")
      :format(type(value) == "string" and value or value .. " bytes", most), level)
  end
  return bytes
end

return unit
