--- The list that a row has of a relation: its rows, and a query for them.
--
--     #post.comments, ipairs(post.comments)              the rows that were loaded
--     post.comments:where{ approved = true }:all()       asked anew, of this post's comments
--     post.comments:create{ body = "…" }                 one more, which the list has then as well
--
-- A list is a plain array. Which row it belongs to is told by where it stands in its
-- state's index, so that lists cost nothing more; who wants to know looks it up.
local catalogue = require "rille.model.catalogue"
local fetch = require "rille.model.fetch"
local path = require "rille.model.path"
local place = require "rille.place"
local quote = require("rille.db").quote_ident
local Query = require "rille.model.query"
local rows = require "rille.model.row"
local slip = require "rille.slip"
local sql = require "rille.model.sql"

local related = {}

local ARRAY = 2 -- RL_KIND_ARRAY of core/vm/kind.h

-- ---- whose --------------------------------------------------------------------------

-- The key of the row that a list belongs to, and the values of the relation's own columns, by the list.
local function owners_of(state)
  local owners = {}
  for _, keys in ipairs(state.loads) do
    for i = 1, keys.count do
      local values = { key = keys[i] }
      for c, column in ipairs(keys.columns) do
        values[c] = column[i]
      end
      owners[state.index[keys[i]] or 0] = values
    end
  end
  return owners
end

local function values_of(list)
  local state = getmetatable(list).state
  local owners = state.owners
  if not owners or not owners[list] then
    owners = owners_of(state)
    state.owners = owners
  end
  return state.relation, owners[list] or place.blame(("this list of %s.%s belongs to a row without a key"):format(
    state.relation.model.table, state.relation.name))
end

local function values_in(relation, row)
  local values = {}
  for i, column in ipairs(relation.own) do
    values[i] = row[column]
    if values[i] == nil then
      place.blame(("%s.%s goes by %s, which is NULL in this row"):format(relation.model.table, relation.name, column))
    end
  end
  return values
end

-- ---- writing ---------------------------------------------------------------------------

-- What a new row of the relation has from the row it belongs to, beside what the program adds.
local function given(relation, values, own)
  local hop, out = relation.hops[1], {}
  for key, value in pairs(own or {}) do
    out[key] = value
  end
  for i, column in ipairs(hop.enter) do
    out[column] = values[i]
  end
  for column, value in pairs(hop.fixed or {}) do
    out[column] = value
  end
  return out
end

local function check_made_here(relation, what)
  if #relation.hops > 1 and relation.kind ~= "many_to_many" then
    place.blame(("%s.%s goes through %s: %s there"):format(relation.model.table, relation.name,
      relation.options.through, what))
  end
end

local function link_sql(relation)
  local hop = relation.hops[1]
  local names, marks = {}, {}
  for _, list in ipairs { hop.enter, hop.leave } do
    for _, column in ipairs(list) do
      names[#names + 1] = quote(column)
      marks[#marks + 1] = "$" .. #names
    end
  end
  return sql.name(hop.table), names, marks
end

-- The columns of the table between, for a row on each side.
local function both_values(relation, values, row)
  if not rows.is(row) or rows.model(row) ~= relation.target then
    place.blame(("%s.%s takes a row of %s"):format(relation.model.table, relation.name, relation.target.table))
  end
  local out = { unpack(values) }
  for _, column in ipairs(relation.hops[2].enter) do
    out[#out + 1] = row[column]
  end
  return out
end

local function check_many_to_many(relation, what)
  if relation.kind ~= "many_to_many" then
    place.blame(("%s is for many_to_many, and %s.%s is %s"):format(what, relation.model.table, relation.name,
      relation.kind))
  end
end

local function link(relation, values, row)
  local name, names, marks = link_sql(relation)
  return relation.model.db:exec(("insert into %s (%s) values (%s) on conflict do nothing"):format(name, table.concat(names, ", "),
    table.concat(marks, ", ")), unpack(both_values(relation, values, row)))
end

local function unlink(relation, values, row)
  local name, names, marks = link_sql(relation)
  local terms = {}
  for i, column in ipairs(names) do
    terms[i] = column .. " = " .. marks[i]
  end
  return relation.model.db:exec(("delete from %s where %s"):format(name, table.concat(terms, " and ")),
    unpack(both_values(relation, values, row)))
end

local function is_same(relation, a, b)
  for _, column in ipairs(catalogue.key(relation.target)) do
    if a[column] ~= b[column] then
      return false
    end
  end
  return true
end

local function place_in(relation, list, row)
  for i, one in ipairs(list) do
    if is_same(relation, one, row) then
      return i
    end
  end
end

local function create(relation, values, fields, own)
  check_made_here(relation, "create it")
  if relation.kind ~= "many_to_many" then
    return relation.target:create(fields, given(relation, values, own))
  end
  return relation.model.db:transaction(function()
    local row = relation.target:create(fields, own)
    link(relation, values, row)
    return row
  end)
end

-- What the others of its kind are asked for, is loaded for a new one with them; but for what they show, which it lacks.
local function join_set(set, row)
  if set and not set[1] then
    rawset(row, 0, set)
    set.rows[#set.rows + 1] = row
  end
end

local List = {}

--- One more of these, which belongs to the list's row; it is counted in the row's `comments_count`. **Yields.**
-- @tparam table fields as for the model's create; the key is filled in
-- @tparam[opt] table own what the program adds
-- @treturn row it stands at the end of the list
function List:create(fields, own)
  local relation, values = values_of(self)
  local row, state = create(relation, values, fields, own), getmetatable(self).state
  self[#self + 1] = row
  join_set(state.children, row)
  relation:recount(state.set, values.key, 1)
  return row
end

--- Link a row that there is, through the table between of a many_to_many. Linked already, nothing happens. **Yields.**
-- @tparam row row
function List:add(row)
  local relation, values = values_of(self)
  check_many_to_many(relation, "add")
  local count = link(relation, values, row)
  if not place_in(relation, self, row) then
    self[#self + 1] = row
  end
  relation:recount(getmetatable(self).state.set, values.key, count)
end

--- Take a row out of a many_to_many; the row itself stays. **Yields.**
-- @tparam row row
-- @treturn boolean whether it was linked
function List:remove(row)
  local relation, values = values_of(self)
  check_many_to_many(relation, "remove")
  local count = unlink(relation, values, row)
  local at = place_in(relation, self, row)
  if at then
    table.remove(self, at)
  end
  relation:recount(getmetatable(self).state.set, values.key, -count)
  return count > 0
end

--- Of the rows that belong to the list's one, as a query.
-- @treturn query
function List:query()
  return fetch.of_one(values_of(self))
end

-- ---- a query's methods on a list -----------------------------------------------------------

local forwarded = {} -- by name: the same function for all lists

local function forward(name)
  forwarded[name] = forwarded[name] or function(self, ...)
    local query = fetch.of_one(values_of(self))
    return query[name](query, ...)
  end
  return forwarded[name]
end

local function names_of_queries(relation)
  local names = { "create", "add", "remove", "query" }
  for _, methods in ipairs { relation.target.query, Query } do
    for name, value in pairs(methods) do
      names[#names + 1] = type(value) == "function" and name or nil
    end
  end
  table.sort(names)
  return names
end

local function index(list, key)
  if type(key) ~= "string" then
    return nil
  end
  local relation = getmetatable(list).state.relation
  if List[key] then
    return List[key]
  elseif not (rawget(relation.target.query, key) or rawget(Query, key)) then
    error((slip.text(("a list of %s.%s"):format(relation.model.table, relation.name), key, names_of_queries(relation))), 2)
  end
  return forward(key)
end

--- The metatable of a state's lists.
function related.metatable(state)
  return { [0] = ARRAY, state = state, __index = index }
end

--- A relation of this row as a query, without loading it: `post:query("comments"):where{ … }:count()`.
-- @tparam string name
-- @treturn query
-- @raise a misuse: there is no such relation, the row's key is NULL
function rows.methods:query(name)
  local model = rows.model(self)
  local relation = type(name) == "string" and model.relations[name]
  if not relation or relation.kind == "count" then
    local names = {}
    for one, of in pairs(model.relations) do
      names[#names + 1] = of.kind ~= "count" and one or nil
    end
    table.sort(names)
    place.blame((slip.text(model.table, tostring(name), names):gsub("^(.-) has no", "%1 has no relation")))
  end
  path.resolve(relation)
  if relation.type_column then
    relation = path.of_type(relation, self[relation.type_column])
  end
  return fetch.of_one(relation, values_in(relation, self))
end

--- What a list can that a query cannot, by name.
related.methods = List

return related
