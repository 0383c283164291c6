--- Relations that come in the same statement, by a join.
--
--     post:joined("author"):where{ ["author.country"] = "IS" }:all()
--
--     select posts.*, author.* from posts left join lateral (select true as rl_there, users.* …) as author on true
--                 a row: 7  "tea"  3 | true  3  "Ada"
--                        its own        | the author's, which becomes a row of its own
--
-- A relation of one row only: many would repeat their parent. Its columns are in reach of
-- conditions and order by the relation's name, as "author.name".
local catalogue = require "rille.model.catalogue"
local fetch = require "rille.model.fetch"
local fragment = require "rille.model.fragment"
local loading = require "rille.model.loading"
local path = require "rille.model.path"
local place = require "rille.place"
local preload = require "rille.model.preload"
local Query = require "rille.model.query"
local quote = require("rille.db").quote_ident
local shape = require "rille.model.shape"

local THERE = "rl_there" -- the first column of each joined row: nothing else tells one of NULLs from none

local deriving = Query.deriving

-- What a query has for each row, beside it by name; NULL where it has nothing.
local function beside(self, other, name)
  return deriving.with_query(self, "beside", other, name)
end

-- One more of the tables that are read.
local function behind(self, text)
  return deriving.with_raw(self, "behind", text)
end

-- ---- the statement -----------------------------------------------------------------------

-- What the target's rows are compared with. Inside of the lateral its own table's name hides another of that name, so
-- such a one's columns get names of their own first.
local function outer_columns(query, relation, outer, alias)
  local columns = {}
  for i, column in ipairs(relation.own) do
    columns[i] = outer .. "." .. quote(column)
  end
  if outer .. "." ~= relation.target.prefix then
    return query, columns
  end
  local name, list = quote("rl_k_" .. alias), {}
  for i, column in ipairs(columns) do
    list[i] = ("%s as rl_%d"):format(column, i)
    columns[i] = ("%s.rl_%d"):format(name, i)
  end
  return behind(query, (" cross join lateral (select %s) as %s"):format(table.concat(list, ", "), name)), columns
end

local function check_joinable(relation)
  if relation.is_many or relation.kind == "count" or relation.options.polymorphic then
    place.blame(("joined is for relations of one row, and %s.%s is %s: preload it"):format(relation.model.table,
      relation.name, relation.options.polymorphic and "polymorphic" or relation.kind))
  end
end

local function with_one(query, relation, outer, alias)
  path.resolve(relation)
  catalogue.of(relation.target)
  local operands
  query, operands = outer_columns(query, relation, outer, alias)
  local inner = fetch.joined(relation, operands):select(fragment.new("true as " .. THERE), "*")
  return beside(query, inner, alias):select(fragment.new(quote(alias) .. ".*"))
end

-- Joins what is wanted below a model, and notes down whose each part of a row is.
local function with_all(query, parts, model, outer, before, specs, parent)
  for _, spec in ipairs(specs) do
    local relation = preload.relation_of(model, spec.name)
    check_joinable(relation)
    if spec.refine then
      place.blame(("joined takes names: what %s.%s is narrowed by goes into where, or use preload"):format(model.table,
        spec.name))
    end
    local alias = before .. spec.name
    query = with_one(query, relation, outer, alias)
    parts[#parts + 1] = { relation = relation, parent = parent }
    query = with_all(query, parts, relation.target, quote(alias), alias .. "_", spec.below, #parts)
  end
  return query
end

-- ---- its rows --------------------------------------------------------------------------------

-- The metatable of the rows' own part; `parts` are the places and names of the others.
local function make(model, names)
  local own, parts = {}, {}
  for i, name in ipairs(names) do
    if name == THERE then
      parts[#parts + 1] = { at = i, names = {}, metas = {} }
    elseif #parts > 0 then
      table.insert(parts[#parts].names, name)
    else
      own[i] = name
    end
  end
  local meta, twice = model.mold.make(own)
  if meta then
    meta.parts = parts
  end
  return meta, twice
end

local function mold_of(model)
  model.joined_mold = rawget(model, "joined_mold") or {
    model = model, shapes = {}, make = function(names) return make(model, names) end,
  }
  return model.joined_mold
end

local function meta_of(part, target)
  if #part.names ~= #catalogue.of(target).names then
    place.blame "what joined brings is the end of each row: say select before joined"
  end
  part.metas[target] = part.metas[target] or target.mold.make(part.names)
  return part.metas[target]
end

local function cut(row, part, meta)
  local made = {}
  for i = 1, #part.names do
    made[i] = row[part.at + i]
  end
  return setmetatable(made, meta)
end

-- The rows of one part, by the row that they came with: equal ones are one object.
local function cut_all(rows, part, meta, target)
  local key_of, known, each, distinct = loading.identity(meta, target), {}, {}, {}
  for i = 1, #rows do
    local row = rows[i]
    if rawget(row, part.at) then
      local made = cut(row, part, meta)
      local key = key_of(made) or made
      if not known[key] then
        known[key], distinct[#distinct + 1] = made, made
      end
      each[i] = known[key]
    end
  end
  return each, distinct
end

-- One part becomes rows that their parents have as their relation's.
local function take(rows, parents, part, relation)
  local each, distinct = cut_all(rows, part, meta_of(part, relation.target), relation.target)
  local set = { model = relation.target, rows = distinct, loaded = {} }
  for i = 1, #distinct do
    rawset(distinct[i], 0, set)
  end
  for i = 1, #rows do
    local parent = parents[i]
    if parent then
      local state = parent[0].loaded[relation.name] or loading.state(parent[0], relation)
      loading.take(state, parent, each[i], set)
    end
  end
  return each
end

local function clear(row, from, to)
  for i = from, to do
    rawset(row, i, nil)
  end
end

-- Take the rows apart.
local function split(query, rows)
  local parts = getmetatable(rows[1]).parts
  local wanted, columns = query.manner.joined, { [0] = rows }
  for i, one in ipairs(wanted) do
    columns[i] = take(rows, columns[one.parent], parts[i], one.relation)
  end
  local last = parts[#parts]
  for i = 1, #rows do
    clear(rows[i], parts[1].at, last.at + #last.names)
  end
  for _, one in ipairs(wanted) do
    local parents = columns[one.parent]
    for i = 1, #rows do
      if parents[i] then
        preload.show(parents[i][0], one.relation.name)
        break
      end
    end
    for i = 1, #rows do
      if parents[i] then
        rawset(parents[i], one.relation.name, loading.value(parents[i][0].loaded[one.relation.name], parents[i]) or nil)
      end
    end
  end
end

--- With these relations of one row each in the same statement: `joined("author")`, `joined{ author = "country" }`. Their
-- columns are in reach of conditions by the relation's name (below another one: `author_country`). **Yields** at the first
-- use of a model, whose columns must be known.
-- @param ... names of belongs_to and has_one; tables of `name = what is wanted below it`
-- @treturn query
function Query:joined(...)
  local specs = preload.specs_of { ... }
  if #specs == 0 then
    place.blame "joined takes names of relations"
  elseif self.manner.joined then
    place.blame "joined is said once, with all names: joined(\"author\", \"cover\")"
  end
  catalogue.of(self.model)
  local parts = {}
  local query = shape.has(self.shape, "select") and self or self:select "*"
  query = with_all(query, parts, self.model, self.model.prefix:sub(1, -2), "", specs, 0)
  return query:in_manner { joined = parts, mold = mold_of(self.model), split = split, after = preload.after }
end
