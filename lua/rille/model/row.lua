--- A model's rows: values by column, methods, relations by name.
--
--     row = { [0] = set, value, value, … }    made in C (core/vm/pg_row.h)
--     set = { model, rows, loaded, [1] = what JSON has behind the columns }
--
-- The values are not fields of the table, so that an assignment is seen: `row.title = "x"` changes
-- the row here, `row:update()` writes it. Every row knows the set it came with, all rows of one result:
-- a relation that one of them is asked for is loaded for all. What a relation gave stays in the row
-- by its name, as a field (rawset).
local core = require "rille.core"
local hidden = require "rille.model.hidden"
local place = require "rille.place"
local slip = require "rille.slip"

local MODEL = 6 -- RL_KIND_MODEL of core/vm/kind.h

local rawget, rawset = rawget, rawset
local null = core.null

local row = {
  --- Key of a row's values as they were, by column: of those that were assigned. NULL is rille.null.
  WAS = {},
  --- What every row can.
  methods = {},
}

-- ---- names that are not columns --------------------------------------------------------

-- A model's row has this name, or nobody does.
local function beside(self, key, shape)
  local model = shape.model
  local found = rawget(model.row, key) or row.methods[key]
  if found then
    return found
  end
  local computed = model.computed[key]
  if computed then
    return computed(self)
  end
  local set = self[0]
  local relation = model.relations[key] or set.loaded[key] and set.loaded[key].relation
  if relation then
    return relation:touch(self, set)
  elseif type(key) ~= "string" or key:sub(1, 2) == "__" then
    return nil
  end
  local names = { unpack(shape.names) }
  for name in pairs(model.relations) do
    names[#names + 1] = name
  end
  place.blame((slip.text("a row of " .. model.table, key, names):gsub("^(.-) has no", "%1 has no column or relation")))
end

local function assign(self, key, value, places, shape)
  local i = places[key]
  if not i then
    error(("a row of %s takes no field but its columns (%s): put '%s' beside it, in a table of your own that holds both")
      :format(shape.model.table, table.concat(shape.names, ", "), tostring(key)), 3)
  end
  local was = rawget(self, row.WAS)
  if not was then
    was = {}
    rawset(self, row.WAS, was)
  end
  if was[key] == nil then
    local old = rawget(self, i)
    if old == nil then
      old = null
    end
    was[key] = old
  end
  if value == null then
    value = nil
  end
  rawset(self, i, value)
  if self[0][1] then
    row.forget_relations(self, { [key] = true })
  end
end

-- ---- what a row is made from ---------------------------------------------------------------

--- Whether JSON leaves a column out.
function row.is_hidden(model, name)
  return not model.shown[name] and (model.hidden[name] or hidden.by_name(name)) or false
end

-- As it stands before its value in JSON: false for a name that is no UTF-8, true for one that JSON leaves out.
local function json_key(model, name, is_first)
  if row.is_hidden(model, name) then
    return true
  end
  local is_text, text = pcall(core.json_encode, name)
  return is_text and (is_first and "{" or ",") .. text .. ":"
end

-- A row as a plain table of what JSON has of it, and of the computed attributes in `known`: for a response schema.
local function plain(self, known)
  local shape, values = getmetatable(self).shape, {}
  for i, name in ipairs(shape.names) do
    if not row.is_hidden(shape.model, name) then
      values[name] = rawget(self, i)
    end
  end
  local beside_columns = self[0] and self[0][1] or {}
  for i = 1, #beside_columns, 2 do
    values[beside_columns[i]] = rawget(self, beside_columns[i])
  end
  for name, compute in pairs(shape.model.computed) do
    if known[name] and values[name] == nil then
      values[name] = compute(self)
    end
  end
  return values
end

-- The metatable of all rows of a model with these columns; nil and a name that comes twice.
local function shape_of(model, names)
  local places, meta = {}, { [0] = MODEL, __name = "rille.row" }
  local shape = { model = model, names = names }
  for i, name in ipairs(names) do
    if places[name] then
      return nil, name
    end
    places[name], meta[i] = i, name
  end
  local is_first = true
  for i, name in ipairs(names) do
    local key = json_key(model, name, is_first)
    meta[#names + i] = key
    is_first = is_first and key == true
  end
  function meta.__index(self, key)
    local i = places[key]
    if i then
      return (rawget(self, i)) -- nil for SQL's NULL
    end
    return beside(self, key, shape)
  end
  function meta.__newindex(self, key, value)
    assign(self, key, value, places, shape)
  end
  function meta.__tostring(self)
    return row.describe(self)
  end
  meta.shape, meta.places, meta.plain = shape, places, plain
  return meta
end

--- What C makes a model's rows from.
-- @tparam model model
-- @treturn table
function row.mold(model)
  return { model = model, shapes = {}, make = function(names) return shape_of(model, names) end }
end

-- ---- looking into rows -------------------------------------------------------------------

--- Whether a value is a model's row.
function row.is(value)
  if type(value) ~= "table" then
    return false
  end
  local meta = getmetatable(value)
  return type(meta) == "table" and rawget(meta, 0) == MODEL
end

--- The model of a row.
function row.model(self)
  return getmetatable(self).shape.model
end

--- The names of a row's columns, in order.
function row.names(self)
  return getmetatable(self).shape.names
end

--- A column's value, or nil for a column that the row does not have; never anything else of that name.
function row.value(self, name)
  local i = getmetatable(self).places[name]
  return i and rawget(self, i)
end

--- Put a value there as what the database has: no assignment.
function row.put(self, name, value)
  local i = getmetatable(self).places[name]
  if i then
    rawset(self, i, value)
  end
end

--- "posts 5", for messages.
function row.describe(self)
  local model = row.model(self)
  local key = {}
  for _, name in ipairs(model.facts and model.facts.key or {}) do
    key[#key + 1] = tostring(row.value(self, name))
  end
  return model.table .. " " .. table.concat(key, ", ")
end

--- Forget what was loaded of a row's relations: all of it, or what it shows of those that go by a column among
-- `fields`. What it does not show is found by the key it has.
-- @tparam row self
-- @tparam[opt] table fields by column
function row.forget_relations(self, fields)
  for name, state in pairs(self[0].loaded) do
    if fields == nil or state.relation:goes_by(fields) then
      state.relation:leave(self, name, fields == nil)
    end
  end
end

-- ---- methods ---------------------------------------------------------------------------------

--- What was assigned and not written yet.
-- @tparam[opt] string column only this one
-- @treturn ?table the values as they were, by column, rille.null for NULL; nil when nothing was. With a column: whether
-- it was. A table that was assigned always is: nobody sees what is changed inside one
function row.methods:changed(column)
  local was, changed = rawget(self, row.WAS), nil
  for name, old in pairs(was or {}) do
    local now = row.value(self, name)
    local is_same = now == old and type(now) ~= "table" -- a table may have been changed inside
    if not is_same and not (now == nil and old == null) then
      changed = changed or {}
      changed[name] = old
    end
  end
  if column ~= nil then
    return changed ~= nil and changed[column] ~= nil
  end
  return changed
end

--- Some of a row as a plain table: to choose what JSON has of it. **May yield**, for relations.
-- @tparam string ... names of columns, computed attributes, relations
-- @treturn table NULL is rille.null
function row.methods:only(...)
  local values = {}
  for i = 1, select("#", ...) do
    local name = select(i, ...)
    local value = self[name]
    if value == nil then
      value = null
    end
    values[name] = value
  end
  return values
end

--- The values as a plain table, by column, also those that JSON leaves out; NULL is absent.
-- @treturn table
function row.methods:values()
  local values = {}
  for i, name in ipairs(row.names(self)) do
    values[name] = rawget(self, i)
  end
  return values
end

return row
