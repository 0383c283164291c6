--- What a row found of its relations, and has no more.
--
--     set { rows, loaded }  -- leave -->  set { rows, loaded without it }
--
-- What a set was asked for is what all of its rows have, and show. One that has something else now
-- goes into a set of its own, with the others that did; the next touch there asks anew.
local loading = require "rille.model.loading"
local relations = require "rille.model.relation"
local rows = require "rille.model.row"

local stale = {}

local NONE = {}

-- What JSON has behind the columns, without one name.
local function shown_without(list, name)
  local out = {}
  for i = 1, #list, 2 do
    if list[i] ~= name then
      out[#out + 1], out[#out + 2] = list[i], list[i + 1]
    end
  end
  return out
end

-- The set of those of its rows for which a relation was forgotten.
local function set_without(set, name)
  set.moved = set.moved or {}
  local moved = set.moved[name]
  if not moved then
    moved = { model = set.model, rows = {}, loaded = {}, strict = set.strict, db = set.db }
    moved[1] = set[1] and shown_without(set[1], name)
    for other, state in pairs(set.loaded) do
      moved.loaded[other] = other ~= name and state or nil
    end
    local forgotten = set.loaded[name]
    if set.model.relations[name] ~= forgotten.relation then -- asked for by the query alone, it is found here or nowhere
      moved.loaded[name] = loading.new_state(moved, forgotten.relation, forgotten)
    end
    set.moved[name] = moved
  end
  return moved
end

local function is_shown(set, name)
  for i = 1, #(set[1] or NONE), 2 do
    if set[1][i] == name then
      return true
    end
  end
  return false
end

--- Forget what a row shows of a relation, or all that it found: it joins those of its set that did the same.
-- @tparam table _ the relation
-- @tparam row row
-- @tparam string name that it was loaded by
-- @tparam boolean is_all also what JSON does not have
function stale.leave(_, row, name, is_all)
  local set = row[0]
  if set.loaded[name] and (is_all or is_shown(set, name)) then
    local moved = set_without(set, name)
    rawset(row, name, nil)
    rawset(row, 0, moved)
    moved.rows[#moved.rows + 1] = row
  end
end

-- What was counted, with so many rows more; nil where that cannot be told without asking.
local function counted(state, value, step)
  local relation = state.relation
  local is_plain = relation.fn == "count" and not (state.refine or relation.of.options.where or relation.of.options.limit)
  return is_plain and value + step or nil
end

-- A row shows what it has now, or shows it no more.
local function show_counted(state, name, key, value)
  local set = state.set
  for _, row in ipairs(set.rows) do
    local has_it = rows.is(row) and rows.model(row) == set.model and rawget(row, name) ~= nil -- the list is the app's
    if has_it and loading.key_of(state, row) == key then
      if value then
        rawset(row, name, value)
      else
        stale.leave(nil, row, name)
      end
    end
  end
end

--- Note that a parent has more rows of a relation now, or fewer: what was counted of them follows, or is forgotten.
-- @tparam table self the relation
-- @tparam table set of the parents
-- @param key the parent's
-- @tparam integer step
function stale.recount(self, set, key, step)
  for name, state in pairs(set.loaded) do
    local value = state.relation.of == self and state.index[key]
    if value then
      state.index[key] = counted(state, value, step)
      show_counted(state, name, key, state.index[key])
    end
  end
end

relations.methods.leave, relations.methods.recount = stale.leave, stale.recount

return stale
