-- Bench: the routes that web servers are commonly compared by. Nothing here is
-- tuned past what an ordinary app would write. The tables: apps/bench/world.sql.

local new_table = require "table.new" -- LuaJIT's: how many elements and fields there will be
local rille = require "rille"
local app, db = rille.app(), rille.db
local world = rille.model "world"

local WORLD_COUNT = 10000
local MOST_QUERIES = 500
local LIST_LEN = 64
local ONE = [[select id, randomnumber as "randomNumber" from world where id = $1]]

local random = math.random
math.randomseed(os.time()) -- without it every start draws the same rows in the same order

app:get("/plaintext", function() return "Hello, World!" end)
app:get("/json", function() return { message = "Hello, World!" } end)

app:get("/users/:user/posts/:post", function(c)
  local params = c.params
  return { user = params.user, post = params.post }
end)

-- A hundred routes beside the others, as a grown app has them.
for n = 1, 33 do
  app:get("/res" .. n, function() return { res = n } end)
  app:get("/res" .. n .. "/:id", function(c) return { res = n, id = c.params.id } end)
  app:get("/res" .. n .. "/:id/sub" .. n .. "/:sub", function(c)
    local params = c.params
    return { res = n, id = params.id, sub = params.sub }
  end)
end

app:post("/echo", function(c) return c.body end)

-- What ten middleware cost that do next to nothing.
local function pass(c, next)
  c.state.passed = (c.state.passed or 0) + 1
  return next(c)
end
app:get("/stack", { use = { pass, pass, pass, pass, pass, pass, pass, pass, pass, pass } },
  function(c) return tostring(c.state.passed) end)

local twenty = {}
for n = 1, 20 do
  twenty["field" .. n] = rille.schema.string { min = 1, max = 40 }
end
app:post("/validate", { body = rille.schema.object(twenty) }, function(c)
  local fields = 0
  for _ in pairs(c.body) do
    fields = fields + 1
  end
  return { fields = fields }
end)

-- How many rows `?queries=` asks for; what is no number asks for one.
local function query_count(c)
  local count = tonumber((c.query.queries or ""):match("^%d+$")) or 1
  return math.max(1, math.min(MOST_QUERIES, count))
end

-- All at once, for one wait instead of `count`.
local function random_rows(count)
  local statements = new_table(count, 0)
  for i = 1, count do
    statements[i] = { ONE, random(WORLD_COUNT) }
  end
  local rows = rille.array(db:batch(statements))
  for i = 1, count do
    rows[i] = rows[i][1]
  end
  return rows
end

app:get("/db", function() return db:one(ONE, random(WORLD_COUNT)) end)
app:get("/slow", function() return db:one "select 20 as ms from pg_sleep(0.02)" end)
app:get("/queries", function(c) return random_rows(query_count(c)) end)

app:get("/list", function()
  return db:query(
    [[select id, randomnumber as "randomNumber" from world where id >= $1 order by id limit $2]],
    random(WORLD_COUNT - LIST_LEN + 1), LIST_LEN)
end)

-- The same rows by their model.
app:get("/models", function()
  return world:select("id", rille.sql 'randomnumber as "randomNumber"')
    :where("id >= ?", random(WORLD_COUNT - LIST_LEN + 1)):order("id"):limit(LIST_LEN):all()
end)

-- Every row is read by itself and written with all the others. In id order:
-- two requests that lock the same rows in different orders would deadlock.
app:get("/updates", function(c)
  local rows = random_rows(query_count(c))
  local new, ids, numbers = new_table(0, #rows), new_table(#rows, 0), new_table(#rows, 0)
  for _, row in ipairs(rows) do
    if not new[row.id] then
      new[row.id] = random(WORLD_COUNT)
      ids[#ids + 1] = row.id
    end
    row.randomNumber = new[row.id] -- a row drawn twice is written once
  end
  table.sort(ids)
  for i, id in ipairs(ids) do
    numbers[i] = new[id]
  end
  db:exec([[
    update world set randomnumber = v.r
    from unnest($1::int[], $2::int[]) as v(id, r) where world.id = v.id]],
    rille.array(ids), rille.array(numbers))
  return rows
end)

app:get("/fortunes", function(c)
  local fortunes = db:query("select id, message from fortune")
  fortunes[#fortunes + 1] = { id = 0, message = "Additional fortune added at request time." }
  table.sort(fortunes, function(a, b) return a.message < b.message end)
  return c:render("fortunes", { fortunes = fortunes })
end)

return app
