--- Deep copies of plain data.
local core = require "rille.core"

local getmetatable, setmetatable, type = getmetatable, setmetatable, type
local array_meta = getmetatable(core.array {})

local DEPTH_MOST = 512 -- as deep as JSON may be; a cycle ends here too

--- Copy `value` and the tables in it. A list stays one; a table of another kind,
-- as a row, is handed on as it is.
-- @param value anything
-- @tparam[opt=0] integer depth where in a larger value it lies
-- @return the copy, or nil when it is nested deeper than 512 levels
local function copy(value, depth)
  if type(value) ~= "table" then
    return value
  end
  local meta = getmetatable(value)
  if meta ~= nil and meta ~= array_meta then
    return value
  end
  depth = (depth or 0) + 1
  if depth > DEPTH_MOST then
    return nil
  end
  local result = {}
  for key, inner in next, value do
    local copied = copy(inner, depth)
    if copied == nil then
      return nil
    end
    result[key] = copied
  end
  return meta and setmetatable(result, meta) or result
end

return copy
