--- What is given to be written: checked, and as the database takes it.
--
--     outside = values.checked(model, c:json(), { author_id = me.id })
--
-- What comes from outside is `fields`: only columns that the model names in `writable`, checked by its
-- `schema`. What the program adds itself, `own`, may be any column.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local slip = require "rille.slip"

local values = {}

local null = core.null
local array_meta, jsonb_meta = getmetatable(core.array {}), getmetatable(core.jsonb(1))
local bytea_meta = getmetatable(core.bytea "")

-- ---- what may be written ---------------------------------------------------------------

--- Raise what is wrong with what was given.
-- @tparam table problems `{ in, path, code, message }` each
-- @raise always: 422
function values.refuse(problems)
  local message = #problems == 1 and "1 thing is wrong" or #problems .. " things are wrong"
  error(errors.new { status = 422, code = "invalid", message = message, details = core.array(problems), is_public = true }, 0)
end

--- Raise unless something is `{ column = value }`.
-- @param fields
-- @tparam string what "create": for messages
-- @tparam[opt] integer row for a %d in it
function values.check_table(fields, what, row)
  if type(fields) ~= "table" or getmetatable(fields) ~= nil then
    local got = type(fields) == "table" and "a table of another kind" or fields == nil and "nil"
      or fields == null and "rille.null" or "a " .. type(fields)
    place.blame(("%s takes { column = value }: got %s"):format(what:format(row), got))
  end
end

local function check_writable(model, fields)
  local problems = {}
  for name in pairs(fields) do
    if not model.writable[name] then
      problems[#problems + 1] = { ["in"] = "body", path = tostring(name), code = "unknown", message = "is not a known field" }
    end
  end
  if #problems > 0 then
    table.sort(problems, function(a, b) return a.path < b.path end)
    values.refuse(problems)
  end
end

local function check_schema(model, fields, is_new)
  local schema = is_new and model.schema or model.partial_schema
  local parsed, problems = schema:parse(fields, "output", "body")
  if problems then
    values.refuse(problems)
  end
  return parsed
end

local function check_columns(model, fields)
  local facts, names = catalogue.of(model), {}
  for name in pairs(fields) do
    if not facts.columns[name] then
      place.blame((slip.text("the table " .. model.table, name, facts.names):gsub("^(.-) has no", "%1 has no column")))
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- The values that may come from outside, and the pieces of SQL beside them, which only the program can write.
local function apart(fields)
  local outside, pieces = {}, {}
  for name, value in pairs(fields) do
    local side = fragment.is(value) and pieces or outside
    side[name] = value
  end
  return outside, pieces
end

--- What is to be written, by column.
-- @tparam model model
-- @tparam table fields from outside, where the model has `writable` or `schema`
-- @tparam ?table own the program's
-- @tparam string what "create": for messages
-- @tparam boolean is_new whether all that is required must be there
-- @treturn table a fresh one
-- @raise 422 with a problem for each field; a misuse for what is no column
function values.checked(model, fields, own, what, is_new)
  values.check_table(fields, what)
  if own ~= nil then
    values.check_table(own, what)
  end
  local outside, merged = apart(fields)
  if model.writable then
    check_writable(model, outside)
  end
  if model.schema then
    outside = check_schema(model, outside, is_new)
  end
  for _, part in ipairs { outside, own or {} } do
    for name, value in pairs(part) do
      merged[name] = value
    end
  end
  return merged
end

--- The names of columns in a table of values, in order.
-- @raise a misuse for what is no column
values.names = check_columns

-- ---- as the database takes them -----------------------------------------------------------

-- A list that may be the app's own: marked without marking that.
local function listed(list)
  if type(list) ~= "table" or getmetatable(list) == array_meta then
    return list
  end
  local copied = {}
  for i, value in ipairs(list) do
    copied[i] = type(value) == "table" and getmetatable(value) == nil and listed(value) or value
  end
  return core.array(copied)
end

--- A plain table as an array; anything else as it is.
values.list = listed

local function is_json(kind)
  return kind == "jsonb" or kind == "json"
end

--- A value for a column: tables become JSON or arrays, as the column's type has them.
-- @tparam model model
-- @tparam string name
-- @param value
-- @return what is bound
function values.bound(model, name, value)
  local kind = model.facts.columns[name].type
  if value == null or fragment.is(value) then
    return value
  elseif is_json(kind) and getmetatable(value) ~= jsonb_meta then
    return core.jsonb(value)
  elseif kind == "bytea" and type(value) == "string" then
    return core.bytea(value) -- in an array, its bytes are no text
  elseif type(value) ~= "table" or getmetatable(value) == jsonb_meta or getmetatable(value) == bytea_meta then
    return value
  elseif kind:find "%[%]$" then
    return listed(value)
  end
  place.blame(("%s.%s is a %s, which no table can be"):format(model.table, name, kind))
end

--- Fill in the model's defaults for what is not there.
function values.with_defaults(model, fields)
  for name, default in pairs(model.defaults) do
    if fields[name] == nil then
      if type(default) == "function" then
        fields[name] = default()
      else
        fields[name] = default
      end
    end
  end
end

return values
