--- Queries: what is asked of a model's table, as a value that never changes.
--
--     local cheap = product:where("price_cents < ?", 1000)      -- nothing is asked yet
--     cheap:order("name"):limit(10):all()                       -- now; `cheap` is as it was
--
--     query = { model, shape, values, manner }
--
-- The shape is the query without its values (lua/rille/model/shape.lua), `manner` how it is
-- run: { db, preloads, strict, … }, or empty. A model is the query for all of its rows. What a
-- query becomes as text is in sql.lua, what runs it in run.lua.
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local shape = require "rille.model.shape"
local slip = require "rille.slip"

local step = shape.step

local Query = { __name = "rille.query" }

-- How one is made from another: for the files that add methods to it.
local deriving = {}

--- Whether a value is a query; a model is one.
-- @local
function Query.is(value)
  return type(value) == "table" and rawget(value, "shape") ~= nil and rawget(value, "values") ~= nil
end

-- ---- deriving one from another ------------------------------------------------------

function deriving.check_self(self)
  if not Query.is(self) then
    place.blame "a query's methods are called with a colon: post:where{ … }:all()"
  end
end

local function derive(self, node, values)
  return setmetatable({ model = self.model, shape = node, values = values, manner = self.manner }, self.model.query_meta)
end

-- With one value more.
local function with_value(self, node, value)
  local values, count = {}, self.shape.count
  for i = 1, count do
    values[i] = self.values[i]
  end
  values[count + 1] = value
  return derive(self, node, values)
end

-- With those of a list behind its own.
local function with_values(self, node, more)
  if #more == 0 then
    return derive(self, node, self.values)
  end
  local values, count = {}, self.shape.count
  for i = 1, count do
    values[i] = self.values[i]
  end
  for i = 1, #more do
    values[count + i] = more[i]
  end
  return derive(self, node, values)
end

--- The same query, run in another manner: for the parts beside this one.
-- @tparam table changes fields of its manner
-- @treturn query
-- @local
function Query:in_manner(changes)
  local manner = {}
  for key, value in pairs(self.manner) do
    manner[key] = value
  end
  for key, value in pairs(changes) do
    manner[key] = value
  end
  local made = derive(self, self.shape, self.values)
  made.manner = manner
  return made
end

-- A step with raw text, whose values come behind it.
local function with_raw(self, kind, text, also, ...)
  local node = step(self.shape, kind, text, also)
  local wanted, given = node.count - self.shape.count, select("#", ...)
  if wanted ~= given then
    place.blame(("%q has %d of ? for values, and was given %d"):format(also or text, wanted, given))
  end
  local more = { ... }
  for i = 1, given do
    fragment.check(more[i], ("value %d of %q"):format(i, also or text))
  end
  return with_values(self, node, more)
end

-- Whether it is a name is seen where its step is made first.
local function check_name(name, what)
  if type(name) ~= "string" then
    place.blame(("%s takes the name of a column: got a %s"):format(what, type(name)))
  end
end

local function with_query(self, kind, other, also)
  if not Query.is(other) then
    place.blame(("%s takes a query: got a %s"):format(kind, type(other)))
  end
  return with_values(self, step(self.shape, kind, other.shape, also), other.values)
end

deriving.derive, deriving.with_value, deriving.with_values = derive, with_value, with_values
deriving.with_raw, deriving.with_query, deriving.check_name = with_raw, with_query, check_name
Query.deriving = deriving

slip.guard(Query, "a query", "where or_where not_ where_in where_not_in where_null where_not_null where_exists where_not_exists "
  .. "select order reorder limit offset distinct group having join left_join with from union union_all lock with_deleted "
  .. "only_deleted via preload preload_count preload_sum preload_avg preload_min preload_max joined strict all first one find "
  .. "get find_by count sum avg min max exists pluck each in_batches page explain sql update_all delete_all", "")

return Query
