--- Relations of generated tables, loaded in each way, lead to what looking at all rows finds.
--
-- RELATION_SEEDS=500 makes up so many; RELATION_SEED=7 only that one.
local graph = require "spec.rille.model.graph"
local private = require "spec.rille.db.private"
local statements = require "rille.test.statements"

local SEEDS = tonumber(os.getenv "RELATION_SEEDS" or 5)
local ONLY = tonumber(os.getenv "RELATION_SEED")
local EACH = 25 -- graphs of an example, which takes some seconds for them and may take two minutes

-- Places as a text; sorted where nothing tells their order.
local function text_of(places, is_ordered)
  local out = { unpack(places) }
  if not is_ordered then
    table.sort(out)
  end
  return table.concat(out, ",")
end

-- What a row was given of a relation, as the places of rows.
local function places_of(relation, value)
  local out = {}
  for i, row in ipairs(relation.is_many and value or { value }) do
    out[i] = graph.place(relation.to, row)
  end
  return out
end

describe("relations of generated tables", function()
  local db, stop

  setup(function() db, stop = private.start() end)
  teardown(function() stop() end)

  local function rows_of(one, query)
    local rows = (query or one.model):all()
    local list = {}
    for _, row in ipairs(rows) do
      list[#list + 1] = { row = row, i = graph.place(one, row) }
    end
    return list
  end

  local function at(g, relation, i)
    return ("%s: %s.%s of row %d"):format(g.schema, relation.from.name, relation.name, i)
  end

  -- One row's value of one relation.
  local function check(g, relation, i, value)
    if relation.is_polymorphic then
      local to, place = g:owner(i)
      assert(value == nil and to == nil or value and to and place == graph.place(to, value), at(g, relation, i))
      return
    end
    local places, is_ordered = graph.expected(relation, i)
    local wanted, got = text_of(places, is_ordered), text_of(places_of(relation, value), is_ordered)
    assert(wanted == got, ("%s is (%s), not (%s)"):format(at(g, relation, i), got, wanted))
  end

  -- A relation leads to one model, or to one for each type.
  local function most(g, relation)
    return relation.is_polymorphic and #g.poly.targets or 1
  end

  local function count(fn)
    return #statements.during(fn)
  end

  local function check_auto(g, one, relation)
    local list = rows_of(one)
    local n = count(function()
      for _, item in ipairs(list) do
        check(g, relation, item.i, item.row[relation.name])
        if relation.is_many and not relation.options.limit then
          assert(item.row[relation.name .. "_count"] == #item.row[relation.name], at(g, relation, item.i) .. ": its count")
        end
      end
    end)
    assert(n <= most(g, relation) + 1, ("%s.%s took %d statements"):format(one.name, relation.name, n))
    for k = 1, relation.is_polymorphic and 0 or math.min(#list, 2) do
      local ok, query = pcall(list[k].row.query, list[k].row, relation.name) -- not where the key is NULL
      if ok then
        check(g, relation, list[k].i, relation.is_many and query:all() or query:all()[1])
      end
    end
  end

  -- A level further on, for all at once.
  local function check_below(g, one, relation, how)
    local below = relation.to and relation.to.relations[g.random(math.max(#relation.to.relations, 1))]
    if not below then
      return
    end
    local list
    local n = count(function()
      list = rows_of(one, how == "preload" and one.model:preload({ [relation.name] = below.name }) or nil)
      for _, item in ipairs(list) do
        for _, row in ipairs(relation.is_many and item.row[relation.name] or { item.row[relation.name] }) do
          check(g, below, graph.place(relation.to, row), row[below.name])
        end
      end
    end)
    assert(n <= 2 + most(g, below), ("%s.%s.%s took %d statements"):format(one.name, relation.name, below.name, n))
  end

  local function check_preload(g, one)
    local names, wanted = {}, 1
    for i, relation in ipairs(one.relations) do
      names[i], wanted = relation.name, wanted + most(g, relation)
    end
    if #names == 0 then
      return
    end
    local list
    local n = count(function() list = rows_of(one, one.model:preload(unpack(names))) end)
    assert(n <= wanted, ("the preload of %s took %d statements"):format(one.name, n))
    assert(0 == count(function()
      for _, item in ipairs(list) do
        for _, relation in ipairs(one.relations) do
          check(g, relation, item.i, item.row[relation.name])
        end
      end
    end), "what was preloaded was asked for again")
  end

  local function check_joined(g, one)
    local names, joined = {}, {}
    for _, relation in ipairs(one.relations) do
      if not relation.is_many and not relation.is_polymorphic then
        names[#names + 1], joined[#joined + 1] = relation.name, relation
      end
    end
    if #names == 0 then
      return
    end
    local query = one.model:joined(unpack(names))
    assert(1 == count(function()
      for _, item in ipairs(rows_of(one, query)) do
        for _, relation in ipairs(joined) do
          check(g, relation, item.i, item.row[relation.name])
        end
      end
    end), "a join took more than one statement")
  end

  local function check_graph(seed)
    local g = graph.new(db, seed)
    for _, one in ipairs(g.tables) do
      one.model:count() -- what is known of the tables is asked for once
    end
    for _, one in ipairs(g.tables) do
      for _, relation in ipairs(one.relations) do
        check_auto(g, one, relation)
        check_below(g, one, relation, "auto")
        check_below(g, one, relation, "preload")
      end
      check_preload(g, one)
      check_joined(g, one)
    end
    db:script("drop schema " .. g.schema .. " cascade")
  end

  local last_seed = ONLY or SEEDS
  for first = ONLY or 1, last_seed, EACH do
    local last = math.min(first + EACH - 1, last_seed)
    it(("are the same in each way, in the graphs %d to %d"):format(first, last), function()
      for seed = first, last do
        local ok, why = xpcall(check_graph, debug.traceback, seed)
        assert(ok, ("RELATION_SEED=%d repeats it: %s"):format(seed, tostring(type(why) == "table" and why.message or why)))
      end
    end)
  end
end)
