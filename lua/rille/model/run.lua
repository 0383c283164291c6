--- Queries' endings: what asks the database, and gives rows or values.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"
local Query = require "rille.model.query"
local place = require "rille.place"
local shape = require "rille.model.shape"
local sql = require "rille.model.sql"

local run = {}

local step = shape.step

-- The database as this model's rows come from it: one handle for each it is asked through, and each mold; beside it
-- the one for rows that nobody looks at.
local function handle_of(self, is_unseen)
  local model, db, mold = self.model, self.manner.db or self.model.db, self.manner.mold or self.model.mold
  local handles = model.handles[mold]
  if not handles then
    handles = setmetatable({}, { __mode = "k" })
    model.handles[mold] = handles
  end
  local pair = handles[db]
  if not pair then
    pair = { seen = db:molded(mold), unseen = db:molded(mold, true) }
    handles[db] = pair
  end
  return is_unseen and pair.unseen or pair.seen
end

-- Gives on what a statement gave; a failure that speaks of a changed table is heeded.
local function checked(model, ok, result)
  if not ok then
    catalogue.heed(model, result)
    error(result, 0)
  end
  return result
end

--- The rows of a statement of ours. **Yields.**
-- @tparam query self whose values it takes
-- @tparam string text
-- @tparam[opt] boolean is_unseen core.is_unseen has said so to who returns them as they are
-- @treturn {row,...}
function run.rows(self, text, is_unseen)
  local handle = handle_of(self, is_unseen)
  return checked(self.model, pcall(handle.query, handle, text, unpack(self.values, 1, self.shape.count)))
end

-- The first row of it.
local function first_row(self, text)
  local handle = handle_of(self)
  return checked(self.model, pcall(handle.one, handle, text, unpack(self.values, 1, self.shape.count)))
end

-- Rows that are no model's: counts, single columns.
local function plain_rows(self, text)
  local db = self.manner.db or self.model.db
  return checked(self.model, pcall(db.query, db, text, unpack(self.values, 1, self.shape.count)))
end

local function prepared(self)
  if not Query.is(self) then
    place.blame "a query's methods are called with a colon: post:where{ … }:all()"
  end
  if not self.model.facts then
    catalogue.of(self.model)
  end
  return self
end

--- All rows. **Yields.**
-- @treturn {row,...} empty when there is none
function Query:all()
  prepared(self)
  local after = self.manner.after
  local rows = run.rows(self, sql.text(self.shape, self.model, "select"), not after and core.is_unseen())
  if after then
    after(self, rows)
  end
  return rows
end

-- Its order, or by the key where it has none.
local function ordered(self)
  for _, one in ipairs(shape.steps(self.shape)) do
    if one.kind == "order" or one.kind == "order_raw" then
      return self
    end
  end
  return self:order(unpack(catalogue.key(self.model)))
end

--- The first row, by the key where the query has no order. **Yields.**
-- @treturn row|nil
function Query:first()
  prepared(self)
  return ordered(self):limit(1):all()[1]
end

--- The only row there is. **Yields.**
-- @treturn row|nil
-- @raise when there are more
function Query:one()
  prepared(self)
  local rows = self:limit(2):all()
  if rows[2] then
    place.blame(("one() found more than one row of %s: first() takes the first of several"):format(self.model.table))
  end
  return rows[1]
end

-- ---- by key ------------------------------------------------------------------------------

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"
local INTEGERS = { smallint = 2 ^ 15, integer = 2 ^ 31, bigint = 2 ^ 63 }

-- Whether a column of this type can hold a value: what cannot is in no row, and no error either.
local function may_hold(type_name, value)
  local most = INTEGERS[type_name]
  if most then
    local number = type(value) == "string" and value:find "^%-?%d+$" and #value <= 20 and tonumber(value)
        or type(value) == "number" and value % 1 == 0 and value
    return number and number >= -most and number < most
  elseif type_name == "uuid" then
    return type(value) == "string" and value:find(UUID) ~= nil
  end
  return not (type(value) == "string" and value:find("%z"))
end

-- The values of a key: given in its order, or as a table by column.
local function key_values(model, first, ...)
  local key, values = catalogue.key(model), { first, ... }
  if #key > 1 and type(first) == "table" then
    for i, name in ipairs(key) do
      values[i] = first[name]
    end
  end
  for i, name in ipairs(key) do
    local kind = type(values[i])
    if kind ~= "number" and kind ~= "string" and kind ~= "boolean" then
      place.blame(("find takes the key of %s (%s): its %s is %s"):format(model.table, table.concat(key, ", "), name,
        kind == "nil" and "nil" or "a " .. kind))
    end
  end
  return key, values
end

--- The row with this key. **Yields.** What the key's type cannot hold, as "abc" for an integer, is no row.
-- @param ... the key; where it has several columns, their values in its order, or one table by column
-- @treturn row|nil
function Query:find(...)
  prepared(self)
  local model, found = self.model, self
  local key, values = key_values(model, ...)
  for i, name in ipairs(key) do
    if not may_hold(model.facts.columns[name].type, values[i]) then
      return nil
    end
    found = found:where_is(name, values[i])
  end
  return found:all()[1]
end

--- The row with this key. **Yields.**
-- @param ... as find
-- @treturn row
-- @raise 404 when there is none
function Query:get(...)
  return self:find(...) or errors.fail(404, ("there is no such %s"):format(self.model.noun))
end

--- The first row with this value. **Yields.**
-- @param column its name; or a table, as where takes it
-- @param value
-- @treturn row|nil
function Query:find_by(column, value)
  prepared(self)
  if type(column) == "table" then
    return self:where(column):first()
  end
  return self:where { [column] = value }:first()
end

-- ---- values ----------------------------------------------------------------------------------

local function group_count(self)
  local count = 0
  for _, one in ipairs(shape.steps(self.shape)) do
    count = count + ((one.kind == "group" or one.kind == "group_raw") and 1 or 0)
  end
  return count
end

-- A table of values by the group's.
local function by_group(self, of)
  if group_count(self) > 1 then
    place.blame "count() and its like take one column to group by: for several, select them and what you count"
  end
  local values = {}
  for _, one in ipairs(plain_rows(self, sql.text(self.shape, self.model, "grouped", of))) do
    values[one.key == nil and false or one.key] = one.value
  end
  return values
end

local function aggregate(self, form, column)
  prepared(self)
  if group_count(self) > 0 then
    return by_group(self, column and form .. " " .. column or "count")
  end
  return plain_rows(self, sql.text(self.shape, self.model, form, column))[1].value
end

--- How many rows there are. **Yields.**
-- @treturn integer; behind `group(column)` a table of them by its values, where false stands for NULL
function Query:count()
  return aggregate(self, "count")
end

for _, form in ipairs { "sum", "avg", "min", "max" } do
  Query[form] = function(self, column)
    if type(column) ~= "string" then
      place.blame(form .. " takes the name of a column")
    end
    return aggregate(self, form, column)
  end
end

--- Whether there is any row. **Yields.**
-- @treturn boolean
function Query:exists()
  prepared(self)
  return plain_rows(self, sql.text(self.shape, self.model, "exists"))[1].found
end

--- One column's values, in a list; of several columns, a list of plain rows. **Yields.**
-- @tparam string ... columns
-- @treturn list NULL is rille.null in it
function Query:pluck(...)
  prepared(self)
  local picked = self:select(...)
  local rows = plain_rows(picked, sql.text(picked.shape, self.model, "select"))
  if select("#", ...) > 1 then
    return rows
  end
  local values, name = {}, rows[1] and getmetatable(rows[1])[1]
  for i, one in ipairs(rows) do
    local value = one[name]
    values[i] = value == nil and core.null or value
  end
  return core.array(values)
end

--- How the database would run the query, as EXPLAIN has it. **Yields.**
-- @tparam[opt] table options `analyze = true`: run it, and tell how it went; only what reads
-- @treturn string lines
function Query:explain(options)
  prepared(self)
  local text, is_run = sql.text(self.shape, self.model, "select"), options ~= nil and options.analyze == true
  if is_run and not core.pg_reads(text) then
    place.blame "explain{ analyze = true } runs the query, and this one may change something"
  end
  local lines = {}
  for i, one in ipairs(plain_rows(self, ("explain (analyze %s, costs) %s"):format(is_run and "on" or "off", text))) do
    lines[i] = one["QUERY PLAN"]
  end
  return table.concat(lines, "\n")
end

--- The query as SQL.
-- @treturn string the text
-- @treturn table its values, for $1, $2, …
function Query:sql()
  return sql.text(self.shape, self.model, "select"), { unpack(self.values, 1, self.shape.count) }
end

run.step, run.prepared, run.handle_of, run.plain_rows, run.first_row = step, prepared, handle_of, plain_rows, first_row
run.checked = checked

return run
