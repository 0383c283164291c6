--- The log: `rille.log.info("order placed", { order = 7 })`.
local core = require "rille.core"

local log = {}

local function flat(fields)
  local out, count = {}, 0
  for key, value in pairs(fields or {}) do
    out[count + 1], out[count + 2] = tostring(key), type(value) == "table" and core.json_encode(value) or tostring(value)
    if type(value) == "number" or type(value) == "boolean" then
      out[count + 2] = value
    end
    count = count + 2
  end
  return unpack(out, 1, count)
end

for _, level in ipairs { "debug", "info", "warn", "error" } do
  --- Write one line.
  -- @tparam string message
  -- @tparam[opt] table fields at most 16 facts beside it
  log[level] = function(message, fields)
    core.log(level, tostring(message), flat(fields))
  end
end

return log
