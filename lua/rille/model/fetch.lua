--- The statement that fetches the rows of a relation for many parents at once.
--
-- The parents' keys travel as one array, however many they are. Three forms:
--
--     by value    … where comments.post_id = any($1)               each row says whose it is
--     by pairs    with rl_pairs as (parents × tables between) …     rl_key says it
--     by parent   unnest($1) × lateral (… limit 3)                 with a limit for each; rl_key says it
--
-- A key is told by its value where Lua sees values as equal that the server does; else
-- (several columns, citext, numeric) by its place in the array.
local core = require "rille.core"
local fragment = require "rille.model.fragment"
local catalogue = require "rille.model.catalogue"
local place = require "rille.place"
local Query = require "rille.model.query"
local quote = require("rille.db").quote_ident
local relations = require "rille.model.relation"
local shape = require "rille.model.shape"
local sql = require "rille.model.sql"

local fetch = {}

-- Types whose values are the same text or number here exactly when they are equal there, by what compares with what.
local FAMILIES = {
  smallint = "integer", integer = "integer", bigint = "integer", oid = "integer", text = "text",
  ["character varying"] = "text", uuid = "uuid", date = "date", boolean = "boolean",
  ["timestamp with time zone"] = "timestamptz", ["timestamp without time zone"] = "timestamp",
}

-- ---- what is fetched -------------------------------------------------------------------

local function has(query, kind)
  return shape.has(query.shape, kind)
end

local function with_where(query, where)
  if not where then
    return query
  end
  return where[1] and query:where(unpack(where)) or query:where(where)
end

--- The rows that a relation may lead to, whoever's they are.
-- @tparam table relation resolved; not a polymorphic one
-- @tparam[opt] query from what is asked of them
-- @treturn query
function fetch.rows(relation, from)
  local query = (from or relation.target):fixed()
  if relation.options.with_deleted or relation.source_with_deleted then
    query = query:with_deleted()
  end
  local last = relation.hops[#relation.hops]
  if last.fixed then
    query = query:where(last.fixed)
  end
  query = with_where(with_where(query, relation.source_where), relation.options.where)
  local order = relation.options.order
  if order then
    query = query:order(unpack(type(order) == "table" and not fragment.is(order) and order or { order }))
  end
  return query:fixed()
end

local function check_model(relation, query)
  if not Query.is(query) or query.model ~= relation.target then
    place.blame(("%s.%s is narrowed by a query of %s, or by a function that returns the one it was given: got %s"):format(
      relation.model.table, relation.name, relation.target.table, Query.is(query) and "one of " .. query.model.table
      or "a " .. type(query)))
  end
  return query
end

-- With what was asked of this load: `refine` is a query to begin with, or a function that narrows ours.
local function asked(relation, refine)
  local is_query = Query.is(refine)
  local query = fetch.rows(relation, is_query and check_model(relation, refine) or nil)
  if refine and not is_query then
    query = check_model(relation, refine(query))
  end
  if relation.options.limit and not has(query, "limit") then
    query = query:limit(relation.options.limit)
  end
  return query
end

-- The target's table as conditions name it.
local function alias(target)
  return target.prefix:sub(1, -2)
end

-- ---- keys --------------------------------------------------------------------------------

local function key_type(relation, i)
  return catalogue.of(relation.model).columns[relation.own[i]].type
end

-- Whether Lua may tell keys by their values.
local function is_exact(relation)
  local family = #relation.own == 1 and FAMILIES[key_type(relation, 1)]
  local hop = relation.hops[1]
  return family and (not hop.model or FAMILIES[catalogue.of(hop.model).columns[hop.enter[1]].type] == family)
end

-- Casts, so that the server need not guess: "?::bigint[], ?::text[]".
local function arrays(relation, keys)
  local marks, values = {}, {}
  for i, list in ipairs(keys.columns) do
    marks[i], values[i] = ("?::%s[]"):format(key_type(relation, i)), core.array(list)
  end
  return table.concat(marks, ", "), values
end

local function columns_of(name, columns)
  local out = {}
  for i, column in ipairs(columns) do
    out[i] = name .. "." .. quote(column)
  end
  return out
end

-- "a.x = b.x and a.y = b.y", of two lists of operands.
local function equal(left, right)
  local out = {}
  for i = 1, #left do
    out[i] = left[i] .. " = " .. right[i]
  end
  return table.concat(out, " and ")
end

local function numbered(columns, prefix)
  local names = {}
  for i = 1, #columns do
    names[i] = (prefix or "") .. "rl_" .. i
  end
  return names
end

-- unnest as a table of numbered keys.
local function unnested(relation, marks)
  local names = numbered(relation.own)
  names[#names + 1] = "rl_key"
  return ("unnest(%s) with ordinality as rl_k (%s)"):format(marks, table.concat(names, ", "))
end

-- ---- tables between -----------------------------------------------------------------------

-- The table of a hop between, under a name of its own; where rows of it do not count, a
-- query in front stands for it.
local function table_between(query, hop, i)
  local name, source = "rl_t" .. i, sql.name(hop.table)
  if hop.model and (hop.where or hop.model.soft_delete and not hop.with_deleted) then
    query = query:with("rl_w" .. i, with_where((hop.with_deleted and hop.model:with_deleted() or hop.model):fixed(), hop.where))
    source = quote("rl_w" .. i)
  end
  return query, ("%s as %s"):format(source, name), name
end

local function fixed_text(name, fixed, values)
  local out = {}
  for column, value in pairs(fixed or {}) do
    out[#out + 1] = (" and %s.%s = ?"):format(name, quote(column))
    values[#values + 1] = value
  end
  return table.concat(out)
end

-- The tables between, joined: the query with what stands in front of it, the text, and the last one's name.
local function between(query, relation, values)
  local text, name = {}, nil
  for i = 1, #relation.hops - 1 do
    local hop, before = relation.hops[i], name
    query, text[i], name = table_between(query, hop, i)
    if i > 1 then
      local entered = equal(columns_of(before, relation.hops[i - 1].leave), columns_of(name, hop.enter))
      text[i] = (" join %s on %s%s"):format(text[i], entered, fixed_text(name, hop.fixed, values))
    end
  end
  return query, table.concat(text), name
end

local function leaving(name, columns)
  local out = {}
  for i, column in ipairs(columns) do
    out[i] = ("%s.%s as rl_%d"):format(name, quote(column), i)
  end
  return table.concat(out, ", ")
end

-- ---- the forms -------------------------------------------------------------------------------

-- rl_pairs: rl_key beside the columns by which the target is entered.
local function with_pairs(query, relation, keys)
  local marks, values = arrays(relation, keys)
  local hops, exact = relation.hops, is_exact(relation)
  local text
  if #hops == 1 then
    text = "select * from " .. unnested(relation, marks)
  else
    local first, own = hops[1], {}
    local inner, joined, name = between(query, relation, own)
    query = inner
    local columns = leaving(name, hops[#hops - 1].leave)
    if exact then
      text = ("select distinct rl_t1.%s as rl_key, %s from %s where rl_t1.%s = any(%s)"):format(quote(first.enter[1]), columns,
        joined, quote(first.enter[1]), marks)
    else
      text = ("select distinct rl_k.rl_key, %s from %s join %s on %s"):format(columns, joined, unnested(relation, marks),
        equal(columns_of("rl_t1", first.enter), numbered(relation.own, "rl_k.")))
    end
    for _, value in ipairs(values) do
      own[#own + 1] = value
    end
    values = own
    text = text .. fixed_text("rl_t1", first.fixed, values)
  end
  query = query:with("rl_pairs", fragment.new(text, unpack(values)))
  local entered = columns_of(alias(relation.target), hops[#hops].enter)
  return query:join("rl_pairs", equal(entered, numbered(entered, "rl_pairs.")))
end

local function by_value(state, query, keys)
  local relation = state.relation
  local column = sql.column(relation.target, relation.hops[1].enter[1])
  local marks, values = arrays(relation, keys)
  query = query:where(("%s = any(%s)"):format(column, marks), unpack(values))
  if has(query, "select") then
    return query:select(fragment.new(column .. " as rl_key")), "rl_key"
  end
  return query, relation.hops[1].enter[1]
end

local function by_pairs(state, query, keys)
  query = with_pairs(query, state.relation, keys)
  if not has(query, "select") then
    query = query:select "*"
  end
  return query:select(fragment.new "rl_pairs.rl_key"), "rl_key"
end

-- The rows of one parent, whose key is what the operands are.
local function of_parent(query, relation, operands, values)
  local hops = relation.hops
  local entered = columns_of(alias(relation.target), hops[#hops].enter)
  if #hops == 1 then
    return query:where(equal(entered, operands), unpack(values))
  end
  local own = {}
  local inner, joined, last = between(query, relation, own)
  for _, value in ipairs(values) do
    own[#own + 1] = value
  end
  local text = ("exists (select 1 from %s where %s and %s"):format(joined, equal(columns_of("rl_t1", hops[1].enter), operands),
    equal(columns_of(last, hops[#hops - 1].leave), entered)) .. fixed_text("rl_t1", hops[1].fixed, own)
  return inner:where(text .. ")", unpack(own))
end

-- Rows in a fixed order, where some of them are left out.
local function ordered(query, target)
  if has(query, "order") then
    return query
  end
  return query:order(unpack(catalogue.key(target)))
end

--- The rows of one parent.
-- @tparam table relation resolved
-- @tparam table values of its own columns
-- @treturn query
function fetch.of_one(relation, values)
  local operands = {}
  for i = 1, #values do
    operands[i] = "?::" .. key_type(relation, i)
  end
  local query = of_parent(fetch.rows(relation), relation, operands, values):fixed()
  local limit = relation.options.limit
  return limit and ordered(query, relation.target):limit(limit) or query
end

--- The one row of a parent, for a join.
-- @tparam table relation resolved
-- @tparam {string,...} operands SQL for each of the parent's columns
-- @treturn query
function fetch.joined(relation, operands)
  local query = of_parent(fetch.rows(relation), relation, operands, {})
  return relation.kind == "has_one" and ordered(query, relation.target):limit(1) or query
end

-- A nested loop over the keys is the only way to run this, so each parent's rows keep their order.
local function by_parent(state, query, keys)
  local relation = state.relation
  local target = relation.target
  query = of_parent(ordered(query, target), relation, numbered(relation.own, "rl_k."), {})
  local values, marks = {}, {}
  for i, list in ipairs(keys.columns) do
    values[i], marks[i] = core.array(list), ("$%d::%s[]"):format(i, key_type(relation, i))
  end
  local text = ("select %s*, rl_k.rl_key from %s cross join lateral (%s) as %s"):format(target.prefix,
    unnested(relation, table.concat(marks, ", ")), sql.inside(query, #values), alias(target))
  for _, value in ipairs(query.values) do
    values[#values + 1] = value
  end
  return text, values
end

-- ---- counts, sums -----------------------------------------------------------------------------

local function aggregated(state, query, keys)
  local count, relation = state.relation, state.relation.of
  if has(query, "limit") or has(query, "offset") then
    relations.blame(relation, ("it has a limit, and %s is about all of its rows: say it of a relation without one"):format(
      count.name))
  end
  local value = count.column and ("%s(%s)"):format(count.fn, sql.column(relation.target, count.column)) or "count(*)"
  local key = "rl_pairs.rl_key"
  if #relation.hops == 1 and is_exact(relation) then
    key = sql.column(relation.target, relation.hops[1].enter[1])
    local marks, values = arrays(relation, keys)
    query = query:where(("%s = any(%s)"):format(key, marks), unpack(values))
  else
    query = with_pairs(query, relation, keys)
  end
  return query:reorder():group(fragment.new(key)):select(fragment.new(key .. " as rl_key"), fragment.new(value .. " as rl_value"))
end

-- ---- the statement ------------------------------------------------------------------------------

-- Rows of the model, which know nothing of the column behind theirs.
local function mold_of(target)
  target.relation_mold = rawget(target, "relation_mold") or {
    model = target, shapes = {},
    make = function(names)
      if names[#names] == "rl_key" then
        names[#names] = nil
      end
      return target.mold.make(names)
    end,
  }
  return target.relation_mold
end

local function item(text, values, mold)
  local made = { text, n = #values + 1, mold = mold }
  for i, value in ipairs(values) do
    made[i + 1] = value
  end
  return made
end

--- The statement for a state and keys that it lacks.
-- @tparam table state see model/loading.lua
-- @tparam table keys `columns`: the values of each of the relation's columns
-- @treturn table { text, values… }, as db:batch takes it
-- @treturn string the column that tells whose a row is
-- @treturn boolean whether it tells it by the key's value, else by its place among the keys
-- @treturn table the preloads that a function asked for
function fetch.statement(state, keys)
  local relation = state.relation
  local is_count = relation.kind == "count"
  local base = is_count and relation.of or relation
  local query = asked(base, state.refine)
  local exact = is_exact(base)
  if is_count then
    query = aggregated(state, query, keys)
    return item(sql.text(query.shape, query.model, "select"), query.values), "rl_key", exact, {}
  end
  local preloads, mold = query.manner.preloads or {}, mold_of(relation.target)
  if has(query, "limit") or has(query, "offset") then
    local text, values = by_parent(state, query, keys)
    return item(text, values, mold), "rl_key", false, preloads
  end
  local column
  if #relation.hops == 1 and exact then
    query, column = by_value(state, query, keys)
  else
    query, column = by_pairs(state, query, keys)
  end
  return item(sql.text(query.shape, query.model, "select"), query.values, mold), column, exact, preloads
end

return fetch
