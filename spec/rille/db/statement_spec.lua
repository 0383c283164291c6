--- What a failed statement says of itself: which line of the app's asked, and where in its text the mistake is.
local core = require "rille.core"
local example = require "rille.test.example"
local private = require "spec.rille.db.private"
local rille = require "rille"
local db = rille.db

local HERE = "spec/rille/db/statement_spec.lua"

-- "…statement_spec.lua:12": the line that ends with a comment of this name.
local function line_of(name)
  local number = 0
  for line in io.lines(HERE) do
    number = number + 1
    if line:sub(-#name - 3) == "-- " .. name then
      return ("%s:%d"):format(HERE, number)
    end
  end
end

local app = rille.app()

local function find(id)
  return db:one("select nmae from notes where id = $1", id)
end

app:get("/plain", function()
  local row = db:one("select nmae from notes") -- plain
  return row
end)
app:get("/tail", function() return db:one "select nmae from notes" end) -- tail
app:get("/model", function(c)
  local row = find(c.query.id) -- model
  return row
end)
app:get("/all", function()
  return rille.all {
    notes = function()
      local rows = db:query "select nmae from notes" -- all
      return rows
    end,
  }
end)
app:get("/all-tail", function()
  return rille.all { notes = function() return db:query "select nmae from notes" end } -- all-tail
end)
app:get("/any-tail", function()
  return (rille.any { notes = function() return find(1) end }) -- any-tail
end)
app:get("/spawn-tail", function()
  local task = rille.spawn(function() return find(1) end) -- spawn-tail
  return task:await()
end)
app:get("/transaction", function()
  db:transaction(function()
    db:exec "insert into notes (nmae) values ('x')" -- transaction
  end)
end)
app:get("/each", function()
  local rows = db:each "select nmae from notes" -- each
  return rows()
end)
app:get("/batch", function()
  local rows = db:batch { { "select 1" }, { "select nmae from notes" } } -- batch
  return rows
end)
app:get("/misuse", function()
  return { n = db:one(7) } -- misuse
end)
app:get("/lines", function()
  local row = db:one [[
    select id,
           nmae
    from notes]]
  return row
end)
app:get("/stream", function()
  return rille.stream(function(out)
    out:write "a"
    db:exec "select nmae from notes" -- stream
  end)
end)
app:get("/unawaited", function()
  rille.spawn(function() return find(1) end) -- unawaited
  rille.sleep "1s"
end)
app:get("/known", function() return db:one "select nmae from notes" end)
app:get("/passed", function() return db:one "select 1/0" end)

app:on_error("db.42703", function(c, err)
  if c.path == "/known" then
    return { missing = err.message:match '"(.-)"' }, 400
  end
end)
app:on_error("db.22012", function() return nil end)

describe("a failed statement", function()
  local t, close, url, lines, log

  setup(function()
    local own
    own, close = private.start()
    own:script "create table notes (id int, name text)"
    url, core.settings.database_url = core.settings.database_url, own.options.url
    t = rille.test(app)
  end)

  teardown(function()
    db:close()
    core.settings.database_url = url
    close()
  end)

  before_each(function()
    lines, log = {}, core.log
    core.log = function(level, message, ...)
      local facts = { level = level, message = message }
      for i = 1, select("#", ...), 2 do
        facts[(select(i, ...))] = (select(i + 1, ...))
      end
      lines[#lines + 1] = facts
    end
    t.expect_fault()
  end)

  after_each(function() core.log = log end)

  local function fault_of(path)
    local res = t:client():get(path)
    assert.equal(500, res.status)
    assert.equal(1, #lines)
    return lines[1], res.json.error
  end

  for _, name in ipairs { "plain", "tail", "model", "all", "all-tail", "any-tail", "spawn-tail", "transaction", "each", "batch" } do
    it("names the line of the app's that asked: " .. name, function()
      local fault, told = fault_of("/" .. name)
      assert.equal(line_of(name), fault.at)
      assert.equal(line_of(name), told.details.at)
      assert.matches("^fault in GET /" .. name:gsub("-", "%%-") .. " %(" .. HERE .. ":%d+%)$", fault.message)
      assert.matches('^db.42703: column "nmae"', fault.error)
    end)
  end

  it("shows in development its text with the place of the mistake, and the source around the line", function()
    local fault, told = fault_of "/plain"
    assert.equal("line 1: select nmae from notes\n               ^", fault.sql)
    assert.matches('>%s+%d+    local row = db:one%("select nmae from notes"%)', fault.source)
    assert.same({ at = fault.at, sql = fault.sql, source = fault.source }, told.details)
    lines = {}
    assert.equal("line 2:            nmae\n                   ^", fault_of("/lines").sql)
  end)

  it("fails an example that did not expect it with all of that", function()
    core.log = log
    local api = t:client()
    t:client():get "/plain" -- so that this example has its fault
    example.current().expects_fault = false
    local ok, why = pcall(api.get, api, "/all-tail")
    example.current().expects_fault = true
    assert.is_false(ok)
    assert.matches(('column "nmae" does not exist (asked at %s)'):format(line_of "all-tail"), why, 1, true)
    assert.matches("\nline 1: select nmae from notes\n               ^\n", why, 1, true)
    assert.matches(">%s+%d+    return rille.all", why)
  end)

  it("blames a misuse on the line of the app's", function()
    local fault = fault_of "/misuse"
    assert.equal(line_of "misuse" .. ": the statement must be a string: got a number", fault.error)
  end)

  it("is told with its line where an answer had begun already", function()
    pcall(function() t:client():get "/stream" end)
    assert.equal("a streamed answer broke off: GET /stream", lines[1].message)
    assert.equal(line_of "stream", lines[1].at)
    t:client():get "/plain" -- so that this example has its fault
  end)

  it("is told of a task that nobody awaits as it is of a request", function()
    t.clock.freeze()
    t:client():get "/unawaited"
    assert.equal("a task failed and nobody awaited it", lines[1].message)
    assert.same({ line_of "unawaited", line_of "unawaited" }, { lines[1].at, lines[1].spawned_at })
    assert.matches("select nmae from notes", lines[1].sql, 1, true)
    t:client():get "/plain" -- so that this example has its fault
  end)

  it("is no fault for whoever asked for its code and answers it", function()
    local res = t:client():get "/known"
    assert.same({ 400, { missing = "nmae" } }, { res.status, res.json })
    assert.same({}, lines)
    t:client():get "/plain" -- so that this example has its fault
  end)

  it("is one when whoever asked for its code passes it on", function()
    assert.matches("^db.22012: division by zero", fault_of("/passed").error)
  end)
end)
