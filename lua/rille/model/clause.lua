--- What else a query says: what is read, of which tables, in which order.
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local Query = require "rille.model.query"
local step = require("rille.model.shape").step

local Db = getmetatable(require "rille.db") -- of all its handles

local deriving = Query.deriving
local check_self, check_name, derive = deriving.check_self, deriving.check_name, deriving.derive
local with_value, with_values = deriving.with_value, deriving.with_values
local with_raw, with_query = deriving.with_raw, deriving.with_query

local function names_of(what, ...)
  local names = { ... }
  if select("#", ...) == 0 then
    place.blame(what .. " takes the names of columns")
  end
  for i = 1, select("#", ...) do
    if not fragment.is(names[i]) then
      check_name(names[i], what)
    end
  end
  return names
end

-- Each of several columns or fragments as a step of its own.
local function with_names(self, kind, raw_kind, names)
  local made = self
  for _, name in ipairs(names) do
    if fragment.is(name) then
      made = with_values(made, step(made.shape, raw_kind, name.text), name.values)
    else
      made = derive(made, step(made.shape, kind, name), made.values)
    end
  end
  return made
end

--- Read these columns alone, or pieces of SQL: `select("id", rille.sql("length(name) as len"))`. Several calls add up.
-- @param ... names of columns; "*" for all of the table's; fragments
-- @treturn query
function Query:select(...)
  check_self(self)
  return with_names(self, "select", "select_raw", names_of("select", ...))
end

--- In this order: `order("-created_at", "id")`, the greatest first where a name begins with -. Several calls add up.
-- @param ... names of columns; fragments, as `rille.sql("lower(name) desc")`
-- @treturn query
function Query:order(...)
  check_self(self)
  return with_names(self, "order", "order_raw", names_of("order", ...))
end

--- In this order, whatever was said before; in none without arguments.
-- @param ... as `order`
-- @treturn query
function Query:reorder(...)
  check_self(self)
  local made = derive(self, step(self.shape, "unordered", true), self.values)
  return select("#", ...) > 0 and made:order(...) or made
end

local function whole(value, what)
  if type(value) ~= "number" or value < 0 or value % 1 ~= 0 or value > 2 ^ 53 then
    place.blame(("%s takes a number of rows: got %s"):format(what, tostring(value)))
  end
  return value
end

-- A number that a query has once: the later word counts.
local function with_number(self, kind, count)
  local node = self.shape
  while node.up and node.kind ~= kind do
    node = node.up
  end
  if not node.up then
    return with_value(self, step(self.shape, kind, true), whole(count, kind))
  end
  local values = {}
  for i = 1, self.shape.count do
    values[i] = self.values[i]
  end
  values[node.first] = whole(count, kind)
  return derive(self, self.shape, values)
end

--- So many rows at most; the last word counts.
-- @tparam integer count
-- @treturn query
function Query:limit(count)
  check_self(self)
  return with_number(self, "limit", count)
end

--- Leave out so many rows first. For pages see `page`, which costs the same on each.
-- @tparam integer count
-- @treturn query
function Query:offset(count)
  check_self(self)
  return with_number(self, "offset", count)
end

--- Without rows that come twice; with names, the first row for each of their values.
-- @tparam[opt] string ... columns
-- @treturn query
function Query:distinct(...)
  check_self(self)
  if select("#", ...) == 0 then
    return derive(self, step(self.shape, "distinct", true), self.values)
  end
  return with_names(self, "distinct_on", "distinct_on", names_of("distinct", ...))
end

--- One row for each value of these.
-- @param ... names of columns; fragments
-- @treturn query
function Query:group(...)
  check_self(self)
  return with_names(self, "group", "group_raw", names_of("group", ...))
end

--- Only groups for which this holds.
-- @tparam string text with ? for its values
-- @param ... the values
-- @treturn query
function Query:having(text, ...)
  check_self(self)
  if fragment.is(text) then
    return with_values(self, step(self.shape, "having", text.text), text.values)
  elseif type(text) ~= "string" then
    place.blame("having takes a text with ? for its values: got a " .. type(text))
  end
  return with_raw(self, "having", text, nil, ...)
end

-- ---- other tables -----------------------------------------------------------------------------

local function join(self, kind, table_name, condition, ...)
  check_self(self)
  check_name(table_name, kind)
  if type(condition) ~= "string" or condition == "" then
    place.blame(('%s takes a table and a condition: %s("users", "users.id = posts.user_id"); '
      .. "a relation is joined by joined(name)"):format(kind, kind))
  end
  return with_raw(self, kind, table_name, condition, ...)
end

--- Joined with another table: `join("users", "users.id = posts.user_id")`. Its columns are in reach of conditions, order and
-- fragments; the rows are this model's.
-- @tparam string table_name its name; "users as author" gives it another
-- @tparam string condition with ? for its values
-- @param ... the values
-- @treturn query
function Query:join(table_name, condition, ...)
  return join(self, "join", table_name, condition, ...)
end

--- The same, also where the other table has no row.
-- @tparam string table_name
-- @tparam string condition
-- @param ... the values
-- @treturn query
function Query:left_join(table_name, condition, ...)
  return join(self, "left_join", table_name, condition, ...)
end

--- With a query of its own in front, by name: a CTE, which may be joined or read by fragments, and may refer to
-- itself.
-- @tparam string name
-- @param other a query, or a fragment
-- @treturn query
function Query:with(name, other)
  check_self(self)
  check_name(name, "with")
  if fragment.is(other) then
    return with_values(self, step(self.shape, "with_raw", other.text, name), other.values)
  end
  return with_query(self, "with", other, name)
end

--- Of these rows instead of the table's:
-- `post:from(post:select("*", rille.sql("rank() over (…) as place"))):where("place <= ?", 3)`.
-- @tparam query other
-- @treturn query
function Query:from(other)
  check_self(self)
  return with_query(self, "from", other)
end

local function united(self, word, other)
  check_self(self)
  local base = self.model.blank:from(self)
  return with_query(base, "union", other, word):in_manner(self.manner)
end

--- The rows of both, each once. What is said behind it (order, limit, where) is about them all.
-- @tparam query other
-- @treturn query
function Query:union(other)
  return united(self, "union", other)
end

--- The rows of both.
-- @tparam query other
-- @treturn query
function Query:union_all(other)
  return united(self, "union all", other)
end

local STRENGTHS = { update = "update", share = "share", ["no key update"] = "no key update", ["key share"] = "key share" }
local PATIENCES = { nowait = "nowait", ["skip locked"] = "skip locked" }

--- Lock the rows until the transaction ends.
-- @tparam[opt="update"] string strength "update", "no key update", "share", "key share"
-- @tparam[opt] string patience "nowait" or "skip locked"; else wait for whoever holds them
-- @treturn query
function Query:lock(strength, patience)
  check_self(self)
  strength = strength or "update"
  if not STRENGTHS[strength] or patience ~= nil and not PATIENCES[patience] then
    place.blame('lock takes "update", "no key update", "share" or "key share", and then "nowait", "skip locked" or nothing')
  end
  local text = strength .. " of \0" .. (patience and " " .. patience or "")
  return derive(self, step(self.shape, "lock", text), self.values)
end

--- Rows that were deleted as well, where the model keeps them (soft_delete).
-- @treturn query
function Query:with_deleted()
  check_self(self)
  return derive(self, step(self.shape, "deleted", "with"), self.values)
end

--- Only rows that were deleted.
-- @treturn query
function Query:only_deleted()
  check_self(self)
  return derive(self, step(self.shape, "deleted", "only"), self.values)
end

--- Asked of another handle of the database: `post:via(db:read())`.
-- @tparam Db db
-- @treturn query
function Query:via(db)
  check_self(self)
  if getmetatable(db) ~= Db then
    place.blame(("via takes a database, as db:read() and db:with{ … } give it: got a %s"):format(type(db)))
  end
  return self:in_manner { db = db }
end
