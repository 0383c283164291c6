--- What is loaded of a relation for the rows of a set, and loading more of it.
--
--     set { model, rows, loaded }              state { relation, set, index, children }
--       loaded.comments ----------------------> index[7] = { comment, comment }   by the parent's key
--                                              index[8] = { }                     asked, and there is none
--                                              index[9] = nil                     not asked yet
--                                              children: the set that all of them form
--
-- A value is found by the key that its row has now: a row whose key was changed finds
-- another one, or has it loaded. False stands for "there is none". Rows with equal
-- keys share what is found.
local catalogue = require "rille.model.catalogue"
local fetch = require "rille.model.fetch"
local path = require "rille.model.path"
local place = require "rille.place"
local related = require "rille.model.related"

local loading = {}

local NONE = {}

-- ---- keys ----------------------------------------------------------------------------

-- Where a column that a relation goes by stands in rows with this metatable.
local function position(relation, column, meta)
  return meta.places[column] or place.blame(("%s.%s goes by the column %s, which was not selected: it has to be")
    :format(relation.model.table, relation.name, column))
end

-- Where all of them stand.
local function positions(relation, meta)
  local found = {}
  for i, column in ipairs(relation.own) do
    found[i] = position(relation, column, meta)
  end
  return found
end

local function positions_in(state, row)
  local meta = getmetatable(row)
  local found = state.positions[meta]
  if not found then
    found = positions(state.relation, meta)
    state.positions[meta] = found
  end
  return found
end

-- The value of a lone column, a text of several; nil when one is NULL.
local function key_text(row, columns)
  if #columns == 1 then
    return rawget(row, columns[1])
  end
  local parts = {}
  for i, at in ipairs(columns) do
    local value = rawget(row, at)
    if value == nil then
      return nil
    end
    value = tostring(value)
    parts[i] = #value .. ":" .. value
  end
  return table.concat(parts)
end

-- What a row finds its value by: nil when a column is NULL.
local function key_of(state, row)
  return key_text(row, positions_in(state, row))
end

-- The keys of rows that have not been asked for: each once, and each one's values by column.
local function wanted(state, rows)
  local keys = { count = 0 }
  local columns, seen, index = {}, {}, state.index
  for i = 1, #state.relation.own do
    columns[i] = {}
  end
  for i = 1, #rows do
    local key = key_of(state, rows[i])
    if key ~= nil and index[key] == nil and not seen[key] then
      seen[key] = true
      keys.count = keys.count + 1
      keys[keys.count] = key
      for c, at in ipairs(positions_in(state, rows[i])) do
        columns[c][keys.count] = rows[i][at]
      end
    end
  end
  keys.columns = columns
  return keys
end

-- ---- states --------------------------------------------------------------------------

local function new_state(set, relation, options)
  local state = {
    set = set, relation = relation, refine = options.refine, index = {}, children = false, positions = {}, loads = {},
  }
  state.lists = relation.is_many and related.metatable(state)
  return state
end

--- The state of a relation in a set, which is made when there is none.
-- @tparam table set
-- @tparam table relation
-- @tparam[opt] table options for one of its own: `name`; `refine`: a query, or function(query)
function loading.state(set, relation, options)
  path.resolve(relation) -- may wait, and another task have made it meanwhile
  local name = options and options.name or relation.name
  if not options and set.loaded[name] then
    return set.loaded[name]
  end
  local state = new_state(set, relation, options or NONE)
  set.loaded[name] = state
  return state
end

--- The state that a row's value is in: of a polymorphic relation, that of the row's type; nil when that is NULL.
local function state_of(state, row)
  local column = state.relation.type_column
  if not column then
    return state
  end
  local value = row[position(state.relation, column, getmetatable(row))]
  if value == nil then
    return nil
  end
  state.types = state.types or {}
  local one = state.types[value]
  if not one then
    one = new_state(state.set, path.of_type(state.relation, value), state)
    state.types[value] = one
  end
  return one
end

-- What a row has where there is nothing.
local function nothing(state)
  local relation = state.relation
  if relation.is_many then
    return setmetatable({}, state.lists)
  end
  return relation.nothing or false
end

--- What a row has: false where there is none, nil when it has not been loaded.
-- @tparam table state
-- @tparam row row
function loading.value(state, row)
  local one = state_of(state, row)
  local key = one and key_of(one, row)
  if key == nil then
    return nothing(state)
  end
  return one.index[key]
end

-- ---- loading ---------------------------------------------------------------------------

-- Rows of several results form one set: what is touched in one of them is loaded for all.
local function join_set(state, rows)
  local set = state.children
  if not set then
    set = rows[1] and rows[1][0]
    if set then
      set.rows, set.strict, state.children = rows, state.set.strict, set
    end
    return
  end
  for i = 1, #rows do
    rows[i][0] = set
    set.rows[#set.rows + 1] = rows[i]
  end
end

--- What tells rows of a model apart.
-- @tparam table meta their metatable
-- @tparam model target
-- @treturn function(row) the key as one value, or nil where it was not selected whole
function loading.identity(meta, target)
  local columns = {}
  for i, name in ipairs(catalogue.of(target).key) do
    columns[i] = meta.places[name]
    if not columns[i] then
      return function() return nil end
    end
  end
  return function(row) return #columns > 0 and key_text(row, columns) or nil end
end

-- A row that came once for each of its parents is one object.
local function same_rows(state, rows)
  local identity = loading.identity(getmetatable(rows[1]), state.relation.target)
  local known, each, distinct = {}, {}, {}
  for i = 1, #rows do
    local key = identity(rows[i]) or rows[i]
    local row = known[key]
    if not row then
      row = rows[i]
      known[key], distinct[#distinct + 1] = row, row
    end
    each[i] = row
  end
  return each, distinct
end

local function put(state, key, row)
  local relation, index = state.relation, state.index
  if not relation.is_many then
    index[key] = index[key] or row -- of several that a has_one leads to, the first in its order
    return
  end
  local list = index[key]
  if not list then
    list = setmetatable({}, state.lists)
    index[key] = list
  end
  list[#list + 1] = row
end

-- The parent's key, of what the column of the result says.
local function told(keys, is_by_value, value)
  return is_by_value and value or keys[value]
end

local function take_rows(state, keys, rows, column, is_by_value)
  if #rows == 0 then
    return
  end
  local meta = getmetatable(rows[1])
  local at = column == "rl_key" and #meta / 2 + 1 or meta.places[column] -- ours stands behind those that the row knows
  local each, distinct = rows, rows
  if column == "rl_key" then
    each, distinct = same_rows(state, rows)
  end
  for i = 1, #rows do
    put(state, told(keys, is_by_value, rawget(rows[i], at)), each[i])
  end
  join_set(state, distinct)
end

local function take_values(state, keys, rows, is_by_value)
  for i = 1, #rows do
    state.index[told(keys, is_by_value, rows[i].rl_key)] = rows[i].rl_value
  end
end

-- What has been asked and was not there, is known as well.
local function fill(state, keys)
  local index = state.index
  for i = 1, keys.count do
    if index[keys[i]] == nil then
      index[keys[i]] = nothing(state)
    end
  end
end

-- What to ask for a state, and what to do with the answer.
local function pending(state, rows)
  local keys = wanted(state, rows)
  if keys.count == 0 then
    return nil
  end
  local item, column, is_by_value, preloads = fetch.statement(state, keys)
  return {
    item = item, preloads = preloads, state = state,
    take = function(answer)
      if state.relation.kind == "count" then
        take_values(state, keys, answer, is_by_value)
      else
        take_rows(state, keys, answer, column, is_by_value)
      end
      fill(state, keys)
      state.loads[#state.loads + 1] = keys
    end,
  }
end

-- Rows by the state that their value is in: a polymorphic relation has one for each type.
local function by_state(state, rows)
  if not state.relation.type_column then
    return { { state = state, rows = rows } }
  end
  local parts, of = {}, {}
  for i = 1, #rows do
    local one = state_of(state, rows[i])
    if one then
      if not of[one] then
        of[one] = { state = one, rows = {} }
        parts[#parts + 1] = of[one]
      end
      table.insert(of[one].rows, rows[i])
    end
  end
  return parts
end

--- What has to be asked so that rows have their relation.
-- @tparam table state
-- @tparam {row,...} rows
-- @treturn {table,...} each with `item`, a statement, `take(answer)`, `state` and `preloads`
function loading.pendings(state, rows)
  local out = {}
  for _, part in ipairs(by_state(state, rows)) do
    out[#out + 1] = pending(part.state, part.rows)
  end
  return out
end

--- Note what came with a row in the same statement.
-- @tparam table state
-- @tparam row row
-- @tparam ?row found nil: there is none
-- @tparam table set that of what was found
function loading.take(state, row, found, set)
  state.children = set
  local key = key_of(state, row)
  if key ~= nil then
    state.index[key] = found or false
  end
end

-- A lone statement can be stopped when nobody waits for it any more.
local function run_one(db, item)
  return (item.mold and db:molded(item.mold) or db):query(unpack(item, 1, item.n))
end

--- Ask for all of it, in one round trip. **Yields.**
-- @tparam Db db
-- @tparam {table,...} pendings
function loading.run(db, pendings)
  if #pendings == 0 then
    return
  elseif #pendings == 1 then
    pendings[1].take(run_one(db, pendings[1].item))
    return
  end
  local list = {}
  for i, one in ipairs(pendings) do
    list[i] = one.item
  end
  local answers = db:batch(list)
  for i, one in ipairs(pendings) do
    one.take(answers[i])
  end
end

loading.key_of, loading.new_state = key_of, new_state

return loading
