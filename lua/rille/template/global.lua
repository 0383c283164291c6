--- What of Lua a template may use: nothing that reaches outside.
--
-- A template's variables have plain names, and so may be called `error` or `table`.
-- So a name of Lua's is Lua's only where it cannot be meant otherwise: a function
-- is called, a library has the field that is asked for. Where a template reads the
-- name alone it is a variable, which may be missing as others may.
local core = require "rille.core"

local find, match, sub = string.find, string.match, string.sub

local global = {}

local VALUES = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, select = select,
  tonumber = tonumber, tostring = tostring, type = type, unpack = unpack,
  math = math, string = string, table = table, os = { date = os.date, time = os.time, difftime = os.difftime },
}

-- What a word at `offset` is: "field" of something, "key" of a table or what is
-- assigned, "call", or "value"; for a value, also the field that is asked of it.
local function use_of(source, word, offset)
  local before = sub(source, 1, offset)
  if find(before, "[.:]%s*$") and not find(before, "%.%.%s*$") and not find(before, "::%s*$") then
    return "field"
  end
  local after = offset + #word + 1
  if find(source, "^%s*=[^=]", after) then
    return "key"
  elseif find(source, "^%s*[({\"']", after) or find(source, "^%s*%[=*%[", after) then
    return "call"
  end
  return "value", match(source, "^%s*%.%s*([%a_][%w_]*)", after)
end

--- Whether a piece of a template calls one of these functions.
-- @tparam table piece as rille.template.piece cuts it
-- @tparam table names a set
-- @treturn ?string the first one's name
function global.called(piece, names)
  for _, one in ipairs(piece.words) do
    if names[one[1]] and use_of(piece.source, one[1], one[2]) == "call" then
      return one[1]
    end
  end
end

--- Lua's own that are there for a template.
-- @tparam {table,...} pieces as rille.template.piece cuts them
-- @treturn table functions and libraries by name
function global.of(pieces)
  local used, variables = { null = core.null }, {}
  for _, piece in ipairs(pieces) do
    for _, one in ipairs(piece.words or {}) do
      local name, value = one[1], VALUES[one[1]]
      local use, field = "field", nil
      if value then
        use, field = use_of(piece.source, name, one[2])
      end
      if use == "call" or type(value) == "table" and value[field] then
        used[name] = value
      elseif use == "value" then
        variables[name] = true
      end
    end
  end
  for name in pairs(variables) do
    used[name] = nil
  end
  return used
end

--- What is said of a variable that is not there, if Lua has something of its name.
-- @tparam string name
-- @treturn string
function global.hint(name)
  local value = VALUES[name]
  if not value then
    return ""
  end
  return (" (Lua's own is there where %s, in a template that has no variable of this name)"):format(
    type(value) == "table" and "one of its fields is used" or "it is called")
end

return global
