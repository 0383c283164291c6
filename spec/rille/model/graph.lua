--- Generated tables that refer to each other, models of them, and what their relations must lead to.
--
--     local g = graph.new(db, seed)
--     g.tables[1].model, g.tables[1].relations     declared at random
--     graph.expected(relation, i)                     the places of the rows that row i has, found by looking at all
--
-- The expected is computed from the rows as they were generated, without SQL.
local rille = require "rille"

local graph = {}
local Graph = {}
Graph.__index = Graph

-- ---- keys ----------------------------------------------------------------------------

-- Columns of a primary key, and its values for the i-th row.
local KEYS = {
  { columns = { "id" }, types = { "bigint" }, values = function(i) return { i * 7 } end },
  { columns = { "id" }, types = { "text" }, values = function(i) return { ("k%03d"):format(i) } end },
  { columns = { "id" }, types = { "uuid" }, values = function(i) return { ("00000000-0000-4000-8000-%012d"):format(i) } end },
  { columns = { "id" }, types = { "numeric(8,2)" }, values = function(i) return { ("%d.50"):format(i) } end },
  { columns = { "a", "b" }, types = { "int", "text" }, values = function(i) return { i % 3, ("p%03d"):format(i) } end },
}
local NOBODY = 900 -- a place that no row has: keys that dangle

local function prefixed(prefix, columns)
  local out = {}
  for i, column in ipairs(columns) do
    out[i] = prefix .. "_" .. column
  end
  return out
end

local function literal(value)
  return value == nil and "null" or type(value) == "number" and tostring(value) or "'" .. value .. "'"
end

-- ---- making it up ----------------------------------------------------------------------

local function random_of(seed)
  local state = seed * 2654435761 % 4294967296
  return function(n) -- from 1 to n
    state = (state * 1103515245 + 12345) % 2147483648
    return math.floor(state / 65536) % n + 1
  end
end

local function some_rows(g, one)
  for i = 1, g.random(5) == 1 and 0 or g.random(14) do
    one.rows[i] = { n = g.random(4), refs = {}, is_deleted = one.is_soft and g.random(4) == 1 }
  end
end

-- A row of the other table, none, or one that is not there.
local function reference(g, to)
  local chance = g.random(6)
  if chance == 1 or #to.rows == 0 then
    return nil
  end
  return chance == 2 and NOBODY or g.random(#to.rows)
end

local function make_tables(g)
  for t = 1, 2 + g.random(3) do
    g.tables[t] = {
      name = "t" .. t, key = KEYS[g.random(#KEYS)], is_soft = g.random(3) == 1, refs = {}, rows = {}, relations = {}, places = {},
    }
    some_rows(g, g.tables[t])
  end
end

local function make_references(g)
  for r = 1, #g.tables + g.random(3) do
    local from, to = g.tables[g.random(#g.tables)], g.tables[g.random(#g.tables)]
    local ref = { name = "r" .. r, from = from, to = to, columns = prefixed("r" .. r, to.key.columns) }
    table.insert(from.refs, ref)
    for _, row in ipairs(from.rows) do
      row.refs[ref.name] = reference(g, to)
    end
  end
end

-- Rows that belong to one table or another, whose keys are alike.
local function make_polymorphic(g)
  local from, key = g.tables[g.random(#g.tables)], g.tables[1].key
  local poly = { name = "owner", from = from, targets = {}, key = key, columns = prefixed("owner", key.columns) }
  for _, one in ipairs(g.tables) do
    if one.key == key then
      poly.targets[#poly.targets + 1] = one
    end
  end
  g.poly = poly
  for _, row in ipairs(from.rows) do
    local to = poly.targets[g.random(#poly.targets)]
    local place = reference(g, to)
    row.owner = place and { to = to, place = place }
  end
end

local function make_joins(g)
  for j = 1, g.random(2) do
    local left, right = g.tables[g.random(#g.tables)], g.tables[g.random(#g.tables)]
    local join = { name = "j" .. j, left = left, right = right, pairs = {} }
    for _ = 1, #left.rows > 0 and #right.rows > 0 and g.random(20) or 0 do
      table.insert(join.pairs, { g.random(#left.rows), g.random(#right.rows) })
    end
    g.joins[j] = join
  end
end

-- ---- as tables of the database --------------------------------------------------------------

local function columns_sql(columns, types)
  local out = {}
  for i, column in ipairs(columns) do
    out[i] = column .. " " .. types[i]
  end
  return table.concat(out, ", ")
end

local function add_all(list, more)
  for i = 1, #more do
    list[#list + 1] = more[i]
  end
end

local function key_literals(key, place)
  local out = {}
  for i = 1, #key.columns do
    out[i] = place and literal(key.values(place)[i]) or "null"
  end
  return out
end

local function row_literals(g, one, i, row)
  local out = key_literals(one.key, i)
  add_all(out, { tostring(row.n), row.is_deleted and "now()" or "null" })
  for _, ref in ipairs(one.refs) do
    add_all(out, key_literals(ref.to.key, row.refs[ref.name]))
  end
  if g.poly.from == one then
    add_all(out, { row.owner and literal(row.owner.to.name) or "null" })
    add_all(out, key_literals(g.poly.key, row.owner and row.owner.place))
  end
  return "(" .. table.concat(out, ", ") .. ")"
end

local function table_sql(g, one)
  local list = { columns_sql(one.key.columns, one.key.types), "n int", "deleted_at timestamptz" }
  for _, ref in ipairs(one.refs) do
    list[#list + 1] = columns_sql(ref.columns, ref.to.key.types)
  end
  if g.poly.from == one then
    add_all(list, { "owner_type text", columns_sql(g.poly.columns, g.poly.key.types) })
  end
  local text = ("create table %s.%s (%s, primary key (%s));"):format(g.schema, one.name, table.concat(list, ", "),
    table.concat(one.key.columns, ", "))
  local rows = {}
  for i, row in ipairs(one.rows) do
    rows[i] = row_literals(g, one, i, row)
  end
  return #rows > 0 and ("%sinsert into %s.%s values %s;"):format(text, g.schema, one.name, table.concat(rows, ", ")) or text
end

local function join_sql(g, join)
  local left, right = join.left.key, join.right.key
  local text = ("create table %s.%s (%s, %s);"):format(g.schema, join.name, columns_sql(prefixed("l", left.columns), left.types),
    columns_sql(prefixed("r", right.columns), right.types))
  for _, pair in ipairs(join.pairs) do
    local values = key_literals(left, pair[1])
    add_all(values, key_literals(right, pair[2]))
    text = text .. ("insert into %s.%s values (%s);"):format(g.schema, join.name, table.concat(values, ", "))
  end
  return text
end

-- ---- relations --------------------------------------------------------------------------------

local function ordered(one)
  return { "-n", unpack(one.key.columns) }
end

local function add(g, one, kind, name, to, options, find)
  options[1] = to and function() return to.model end
  local relation = { name = name, kind = kind, from = one, to = to, options = options, find = find,
    is_many = kind == "has_many" or kind == "many_to_many" }
  if g.random(4) == 1 and relation.is_many then
    options.where = { "n > ?", g.random(3) }
  end
  options.with_deleted = g.random(4) == 1 or nil
  if relation.is_many and g.random(3) == 1 then
    options.limit = g.random(3)
  end
  if kind ~= "belongs_to" and (g.random(2) == 1 or kind == "has_one") then
    options.order = ordered(to)
  end
  one.relations[#one.relations + 1] = relation
  return relation
end

-- Places of the rows for which this holds.
local function places_where(one, holds)
  local out = {}
  for i, row in ipairs(one.rows) do
    if holds(row, i) then
      out[#out + 1] = i
    end
  end
  return out
end

local function add_references(g)
  for _, one in ipairs(g.tables) do
    for _, ref in ipairs(one.refs) do
      add(g, one, "belongs_to", ref.name, ref.to, { key = ref.columns }, function(i)
        local place = one.rows[i].refs[ref.name]
        return { place ~= NOBODY and place or nil }
      end)
      for _, kind in ipairs { "has_many", "has_one" } do
        add(g, ref.to, kind, ref.name .. "_" .. kind, one, { key = ref.columns }, function(i)
          return places_where(one, function(row) return row.refs[ref.name] == i end)
        end)
      end
    end
  end
end

local function add_joins(g)
  for _, join in ipairs(g.joins) do
    for side, one in ipairs { join.left, join.right } do
      local other = side == 1 and join.right or join.left
      local own, theirs = prefixed(side == 1 and "l" or "r", one.key.columns), prefixed(side == 1 and "r" or "l", other.key.columns)
      add(g, one, "many_to_many", join.name .. "_" .. side, other, { table = g.schema .. "." .. join.name, key = own, other = theirs },
        function(i)
          return places_where(other, function(_, k)
            for _, pair in ipairs(join.pairs) do
              if pair[side] == i and pair[3 - side] == k then
                return true
              end
            end
          end)
        end)
    end
  end
end

local function add_polymorphic(g)
  local poly, map = g.poly, {}
  for _, one in ipairs(poly.targets) do
    map[one.name] = function() return one.model end
    add(g, one, "has_many", "owned", poly.from, { as = "owner" }, function(i)
      return places_where(poly.from, function(row) return row.owner and row.owner.to == one and row.owner.place == i end)
    end)
  end
  poly.relation = add(g, poly.from, "belongs_to", "owner", nil, { polymorphic = map, key = poly.columns })
  poly.relation.is_polymorphic = true
end

-- All that a relation leads to from row i, in the order of places, without its order and limit. One that goes through
-- others says for their end as well whether what was deleted counts.
local function found(relation, i, of_through)
  local least, out = relation.options.where and relation.options.where[2] or 0, {}
  local with_deleted = of_through or relation.options.with_deleted or relation.source and relation.source.options.with_deleted
  for _, place in ipairs(relation.find(i)) do
    local row = relation.to.rows[place]
    if (with_deleted or not row.is_deleted) and row.n > least then
      out[#out + 1] = place
    end
  end
  return out
end

local function may_be_passed(relation)
  return relation.to and not relation.options.limit and not relation.options.through and relation.kind ~= "has_one"
end

local function add_through(g)
  for _, one in ipairs(g.tables) do
    for _, first in ipairs({ unpack(one.relations) }) do
      local second = may_be_passed(first) and first.to.relations[g.random(math.max(#first.to.relations, 1))]
      if second and may_be_passed(second) and #one.relations < 14 then
        local options = { through = first.name, source = second.name }
        add(g, one, "has_many", first.name .. "_" .. second.name, second.to, options, function(i)
          local is_there = {}
          for _, between in ipairs(found(first, i)) do
            for _, place in ipairs(found(second, between, options.with_deleted)) do
              is_there[place] = true
            end
          end
          return places_where(second.to, function(_, k) return is_there[k] end)
        end).source = second
      end
    end
  end
end

local function declare(g, db)
  for _, one in ipairs(g.tables) do
    local options = { db = db, soft_delete = one.is_soft, belongs_to = {}, has_one = {}, has_many = {}, many_to_many = {} }
    for _, relation in ipairs(one.relations) do
      options[relation.kind][relation.name] = relation.options
    end
    one.model = rille.model(g.schema .. "." .. one.name, options)
    for i = 1, #one.rows do
      one.places[table.concat(one.key.values(i), "/")] = i
    end
  end
end

-- ---- what must come of it -----------------------------------------------------------------------

-- Whether row i comes before row k of a table by its key.
local function key_before(key, i, k)
  local a, b = key.values(i), key.values(k)
  for c = 1, #a do
    if a[c] ~= b[c] then
      local x, y = tonumber(a[c]) or a[c], tonumber(b[c]) or b[c]
      return x < y
    end
  end
  return false
end

--- The places of the rows that row i has; whether their order is told.
function graph.expected(relation, i)
  local places, options = found(relation, i), relation.options
  table.sort(places, function(a, b)
    local x, y = relation.to.rows[a].n, relation.to.rows[b].n
    if options.order and x ~= y then
      return x > y
    end
    return key_before(relation.to.key, a, b)
  end)
  local most = relation.is_many and (options.limit or #places) or 1
  for k = #places, most + 1, -1 do
    places[k] = nil
  end
  return places, options.order ~= nil or options.limit ~= nil
end

--- What the polymorphic relation leads to from row i: a table and a place, or nil.
function Graph:owner(i)
  local owner = self.poly.from.rows[i].owner
  local row = owner and owner.place ~= NOBODY and owner.to.rows[owner.place]
  if row and (self.poly.relation.options.with_deleted or not row.is_deleted) then
    return owner.to, owner.place
  end
end

--- The place of a model's row in its table.
function graph.place(one, row)
  local values = {}
  for i, column in ipairs(one.key.columns) do
    values[i] = row[column]
  end
  return one.places[table.concat(values, "/")]
end

--- Make one, with its tables.
function graph.new(db, seed)
  local g = setmetatable({ schema = "g" .. seed, tables = {}, joins = {}, random = random_of(seed) }, Graph)
  make_tables(g)
  make_references(g)
  make_polymorphic(g)
  make_joins(g)
  add_references(g)
  add_joins(g)
  add_polymorphic(g)
  add_through(g)
  local text = { "create schema " .. g.schema .. ";" }
  for _, one in ipairs(g.tables) do
    text[#text + 1] = table_sql(g, one)
  end
  for _, join in ipairs(g.joins) do
    text[#text + 1] = join_sql(g, join)
  end
  db:script(table.concat(text))
  declare(g, db)
  return g
end

return graph
