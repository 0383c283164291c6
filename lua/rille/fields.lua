--- The named values of a request and of an answer: params, query, cookies, headers.
--
-- They are plain tables, but for mistakes: a call of one says that it is none of
-- a function. Headers are of any case: what one writes another reads as he would
-- have written it.
local fields = {}

local function misread(part)
  return function(_, name, again)
    name = again or name -- c:query("page") gives c first
    error(("c.%s is a table: write c.%s.%s"):format(part, part, type(name) == "string" and name or "name"), 2)
  end
end

for _, part in ipairs { "params", "query", "cookies" } do
  local meta = { __call = misread(part) }
  fields[part] = function(values)
    return type(values) == "table" and not getmetatable(values) and setmetatable(values, meta) or values
  end
end

-- ---- what came: lower-case names ---------------------------------------------------

local Received = { __name = "rille.headers" }

function Received.__index(values, name)
  if type(name) == "string" then
    return rawget(values, name:lower())
  end
end

function Received.__newindex(_, name)
  error(("what came with a request is not changed: c:set_header(%q, value) sets a header of the answer")
    :format(tostring(name)), 2)
end

function Received.__call(_, name, again)
  name = again or name
  error(("c.headers is a table: write c.headers[%q]"):format(type(name) == "string" and name:lower() or "x-name"), 2)
end

--- The header fields of a request, or of an answer that a client got.
-- @tparam table values by lower-case name
-- @treturn table the same, read in any case
function fields.headers(values)
  return type(values) == "table" and not getmetatable(values) and setmetatable(values, Received) or values
end

-- ---- what is to be sent: as it is spelled --------------------------------------------

local Sent = { __name = "rille.headers" }

-- The spelling under which the field is there already.
local function spelling_of(values, name)
  local lower = name:lower()
  for other in pairs(values) do
    if type(other) == "string" and other:lower() == lower then
      return other
    end
  end
end

function Sent.__index(values, name)
  local other = type(name) == "string" and spelling_of(values, name)
  return other and rawget(values, other) or nil
end

function Sent.__newindex(values, name, value)
  if type(name) ~= "string" then
    error(("a header's name is a text, got a %s: write headers[\"X-Name\"] = value"):format(type(name)), 2)
  end
  local other = spelling_of(values, name)
  if other then
    rawset(values, other, nil)
  end
  rawset(values, name, value)
end

--- The header fields of an answer: a copy of `values`, with those of `more` in their places.
-- @tparam[opt] table values
-- @tparam[opt] table more
-- @treturn table
function fields.sent(values, more)
  local out = setmetatable({}, Sent)
  for name, value in pairs(values or {}) do
    rawset(out, name, value)
  end
  for name, value in pairs(more or {}) do
    out[name] = value
  end
  return out
end

return fields
