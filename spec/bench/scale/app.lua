-- Scale: an app whose work grows as it is told, for spec/bench/scale.lua.
local rille = require "rille"
local v = rille.schema

local app, db = rille.app(), rille.db
local world = rille.model "world" -- apps/bench/world.sql

app:config {
  routes = v.integer():default(10),
  files = v.string():default "/tmp",
}

local STACKS = { 1, 3, 10, 30, 100 }
local LONG_SECONDS = 600 -- longer than whoever waits here is let

-- What loading left behind is no request's cost.
app:get("/collect", function() return tostring(collectgarbage()) end)
app:get("/plaintext", function() return "Hello, World!" end)

-- All in one folder of the tree: the most children that a node can have.
for n = 1, rille.config.routes do
  app:get("/route" .. n .. "/:id", function(c) return c.params.id end)
end

local function pass(c, next)
  c.state.passed = (c.state.passed or 0) + 1
  return next(c)
end
for _, depth in ipairs(STACKS) do
  local stack = {}
  for i = 1, depth do
    stack[i] = pass
  end
  app:get("/stack/" .. depth, { use = stack }, function(c) return tostring(c.state.passed) end)
end

local FIRST = "select id, randomnumber from world order by id limit $1"
app:get("/rows/:count", function(c) return db:query(FIRST, tonumber(c.params.count)) end)
app:get("/models/:count", function(c) return world:order("id"):limit(tonumber(c.params.count)):all() end)

-- What is only passed on is never made into tables: here each row is.
app:get("/touched/:count", function(c)
  local rows = db:query(FIRST, tonumber(c.params.count))
  for _, row in ipairs(rows) do
    row.randomnumber = row.randomnumber + 1
  end
  return rows
end)

app:post("/echo", function(c) return c.body end)
app:post("/upload", function(c) return tostring(#c:text()) end)
app:get("/files/:name", function(c) return rille.file(c.params.name, { root = rille.config.files }) end)

local waiting, nothing = 0, rille.channel()

local function wait(fn)
  return function()
    waiting = waiting + 1
    fn()
    waiting = waiting - 1
  end
end
app:get("/sleep", { timeout = LONG_SECONDS }, wait(function() rille.sleep(LONG_SECONDS) end))
app:get("/channel", { timeout = LONG_SECONDS }, wait(function() nothing:recv() end))
app:get("/waiting", function() return tostring(waiting) end)

return app
