--- Statements that a request asks for one by one, and for whom a shared one is asked.
local cluster = require "spec.cluster"
local core = require "rille.core"
local repeated = require "rille.repeated"
local rille = require "rille"
local db = rille.db

local app = rille.app()
local thing = rille.model("things", { belongs_to = { owner = function() return rille.owners end } })
local owner = rille.model("owners", { has_many = { things = { thing, key = "owner_id" } } })
rawset(rille, "owners", owner)

local function one(id) return db:one("select name from things where id = $1", id) end

app:get("/loop", function() for i = 1, 12 do one(i) end return {} end)
app:get("/pasted", function() for i = 1, 12 do db:query("select name from things where id = " .. i .. " and name <> 'n" .. i .. "'") end return {} end)
app:get("/few", function() for i = 1, 9 do db:query("select name, id from things where id = $1", i) end return {} end)
app:get("/tasks", function()
  local list = {}
  for i = 1, 12 do list[i] = function() local row = db:one("select id, name from things where id = $1", i) return row end end
  rille.all(list)
  return {}
end)
app:get("/models", function()
  for _, row in ipairs(thing:all()) do assert(row.owner.name) end
  return {}
end)
app:get("/bounded", { max_queries = 2 }, function()
  local rows, n = thing:order("id"):all(), 0
  for _, row in ipairs(rows) do n = n + #row.owner.things end
  return { n = n }
end)
app:get("/enough", { max_queries = 3 }, function()
  local rows, n = thing:order("id"):all(), 0
  for _, row in ipairs(rows) do n = n + #row.owner.things end
  return { n = n }
end)

local t = rille.test(app)
local api = t:client()

describe("a request's statements", function()
  local dir, old_url, lines
  local log = core.log

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir, old_url = name:read "*l", core.settings.database_url
    name:close()
    core.settings.database_url = cluster.start(dir .. "/pg", { durable = false })
    db:close()
    db:script [[create table owners (id int primary key, name text); create table things (id int primary key, owner_id int, name text);
      insert into owners select n, 'o' || n from generate_series(1, 4) n; insert into things select n, n % 4 + 1, 't' || n from generate_series(1, 20) n]]
    thing:count()
    repeated.watch()
  end)

  teardown(function()
    db:close()
    core.settings.database_url = old_url
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  before_each(function()
    lines = {}
    function core.log(...) lines[#lines + 1] = { ... } end
  end)

  after_each(function() core.log = log end)

  it("that a loop repeats are named in the log, with their line, once", function()
    api:get "/loop"
    assert.equal(1, #lines)
    assert.same({ "warn", "at", "spec/rille/repeated_spec.lua:15", "statement", "select name from things where id = $1" },
      { lines[1][1], unpack(lines[1], 3, 6) })
    assert.matches("one line asked the database 12 times for the same", lines[1][2])
    api:get "/loop"
    assert.equal(1, #lines)
  end)

  it("are the same in other words when only values differ, and in tasks", function()
    api:get "/pasted"
    api:get "/tasks"
    assert.same({ "spec/rille/repeated_spec.lua:16", "spec/rille/repeated_spec.lua:20" }, { lines[1][4], lines[2][4] })
  end)

  it("are nothing to tell of when they are few, or models' own", function()
    api:get "/few"
    api:get "/models"
    assert.same({}, lines)
  end)

  it("count where a relation was loaded for it", function()
    assert.same({ n = 100 }, api:get("/enough").json)
    t.expect_fault()
    assert.matches("may run 2 statements", api:get("/bounded").json.error.message)
  end)
end)
