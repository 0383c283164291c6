--- Queries' conditions.
local core = require "rille.core"
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local Query = require "rille.model.query"
local step = require("rille.model.shape").step

local deriving = Query.deriving
local check_self, check_name, derive = deriving.check_self, deriving.check_name, deriving.derive
local with_value, with_values = deriving.with_value, deriving.with_values
local with_raw, with_query = deriving.with_raw, deriving.with_query
local null, array_meta = core.null, getmetatable(core.array {})

local function sorted_names(conditions)
  local names = {}
  for name in pairs(conditions) do
    check_name(name, "where{ column = value }")
    names[#names + 1] = name
  end
  if #names == 0 then
    place.blame("where{} without a condition: a field that is nil is not there, so { id = nil } is empty; "
      .. "all rows are meant without it")
  end
  table.sort(names)
  return names
end

--- Only rows whose column has this value, which has been looked at.
-- @local
function Query:where_is(name, value)
  return with_value(self, step(self.shape, "is", name), value)
end

local function where_each(self, conditions)
  local made = self
  for _, name in ipairs(sorted_names(conditions)) do
    local value = conditions[name]
    if fragment.is(value) then
      place.blame(("where{ %s }: a comparison with a piece of SQL is a condition of its own: where(\"%s = …\")")
        :format(name, name))
    end
    fragment.check(value, "where{ " .. name .. " }")
    made = with_value(made, step(made.shape, "is", name), value)
  end
  return made
end

-- Conditions as a query of their own, whatever they were written as.
local function conditions_of(self, what, first, ...)
  if Query.is(first) then
    if first.model ~= self.model then
      place.blame(("%s takes the conditions of a query of %s: this is one of %s")
        :format(what, self.model.table, first.model.table))
    end
    return first
  end
  return self.model.blank:where(first, ...)
end

--- Only rows for which this holds.
-- @param first `{ column = value, … }`, all of which must be equal; or a text with `?` for each value behind
-- it; or a query of the same model, whose conditions are taken as one
-- @param ... the values of a text
-- @treturn query
-- @raise for no condition at all, for nil and rille.null (where_null), for a plain table (where_in)
function Query:where(first, ...)
  check_self(self)
  if type(first) == "string" then
    return with_raw(self, "raw", first, nil, ...)
  elseif fragment.is(first) then
    return with_values(self, step(self.shape, "raw", first.text), first.values)
  elseif Query.is(first) then
    conditions_of(self, "where", first)
    return with_values(self, step(self.shape, "both", first.shape), first.values)
  elseif type(first) ~= "table" then
    place.blame("where takes { column = value }, a text with ? for its values, or a query: got " .. (first == nil and "nil"
      or first == null and "rille.null" or "a " .. type(first)))
  end
  return where_each(self, first)
end

--- Rows for which what was said so far holds, or this. In a relation's list, its own condition holds in any case.
-- @param ... as `where`
-- @treturn query
function Query:or_where(...)
  check_self(self)
  local other = conditions_of(self, "or_where", ...)
  return with_values(self, step(self.shape, "either", other.shape), other.values)
end

--- Only rows for which this does not hold; one for which it is unknown, because of a NULL, is none.
-- @param ... as `where`
-- @treturn query
function Query:not_(...)
  check_self(self)
  local other = conditions_of(self, "not_", ...)
  return with_values(self, step(self.shape, "negated", other.shape), other.values)
end

local function list_value(name, list)
  local values = {}
  for i, value in ipairs(list) do
    fragment.check(value, ("where_in(%q), element %d"):format(name, i))
    values[i] = value
  end
  for key in pairs(list) do
    if type(key) ~= "number" or not values[key] and values[key] ~= false then
      place.blame(("where_in(%q) takes a list without holes: this has the key %s"):format(name, tostring(key)))
    end
  end
  return core.array(values)
end

local function in_list(self, name, list, kind, query_kind)
  check_self(self)
  check_name(name, "where_in")
  if Query.is(list) then
    return with_values(self, step(self.shape, query_kind, list.shape, name), list.values)
  elseif type(list) ~= "table" or getmetatable(list) ~= nil and getmetatable(list) ~= array_meta then
    place.blame(("where_in(%q) takes a list of values, or a query: got %s"):format(name, list == null and "rille.null"
      or "a " .. type(list)))
  end
  return with_value(self, step(self.shape, kind, name), list_value(name, list))
end

--- Only rows whose column has one of these values; they travel as one array, however many. None matches an empty list.
-- @tparam string column
-- @param list of values; or a query that selects one column
-- @treturn query
function Query:where_in(column, list)
  return in_list(self, column, list, "is_in", "in_query")
end

--- Only rows whose column has a value, and none of these.
-- @tparam string column
-- @param list as where_in
-- @treturn query
function Query:where_not_in(column, list)
  return in_list(self, column, list, "is_not_in", "not_in_query")
end

--- Only rows whose column is NULL.
-- @tparam string column
-- @treturn query
function Query:where_null(column)
  check_self(self)
  check_name(column, "where_null")
  return derive(self, step(self.shape, "is_null", column), self.values)
end

--- Only rows whose column is not NULL.
-- @tparam string column
-- @treturn query
function Query:where_not_null(column)
  check_self(self)
  check_name(column, "where_not_null")
  return derive(self, step(self.shape, "is_filled", column), self.values)
end

--- Only rows for which this query has a row: `where_exists(comment:where("comments.post_id = posts.id"))`.
-- @tparam query other
-- @treturn query
function Query:where_exists(other)
  check_self(self)
  return with_query(self, "exists", other)
end

--- Only rows for which this query has none.
-- @tparam query other
-- @treturn query
function Query:where_not_exists(other)
  check_self(self)
  return with_query(self, "not_exists", other)
end

--- The same query; what was said so far holds whatever an `or_where` adds later.
-- @treturn query
-- @local
function Query:fixed()
  return derive(self, step(self.shape, "fixed", true), self.values)
end
