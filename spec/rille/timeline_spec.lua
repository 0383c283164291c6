--- What requests did and waited for.
local cluster = require "spec.cluster"
local core = require "rille.core"
local explain = require "rille.explain"
local rille = require "rille"
local timeline = require "rille.timeline"
local db = rille.db

local app = rille.app()
local letters, lock = rille.channel(1), rille.mutex()

-- Each handler's line is asked for below: `line` finds it by the path.
app:get("/plain/:name", function(c) return "hello " .. c.params.name end)
app:get("/one", function() local row = db:one("select name from things where id = $1", 1) return row end)
app:get("/loop", function() for i = 1, 12 do db:one("select name from things where id = $1", i) end return "ok" end)
app:get("/few", function() for i = 1, 9 do db:one("select name from things where id = $1", i) end return "ok" end)
app:get("/slow", function() db:query "select pg_sleep(0.11)" return "ok" end)
app:get("/held", function() db:transaction(function() db:exec "update things set name = 'x' where id < 4" end) return "ok" end)
app:get("/wrong", function() db:one "select 1 / 0" end)
app:get("/after", function() local row = db:one("select name from things where id = $1", 1) db:one "select 1 / 0" return row end)
local thing = rille.model "things"
app:get("/model", function() thing:find(1) db:one "select 1 / 0" end)
app:get("/batch", function() local list = db:batch { { "select 1" }, { "select name from things where id < $1", 4 } } return tostring(#list) end)
app:get("/cut", function() db:query("select ' " .. ("ä"):rep(2000) .. "'") return "ok" end)
app:get("/tasks", function() rille.all { function() rille.sleep "1s" end, function() rille.sleep "2s" end } return "ok" end)
app:get("/lines", function() local it = rille.spawn(function() rille.sleep "1s" letters:send(1) rille.sleep "1s" end) letters:recv() it:await() return "ok" end)
app:get("/lock", function() lock:lock() rille.spawn(function() rille.sleep "1s" lock:unlock() end) lock:lock() lock:unlock() return "ok" end)
app:get("/many", function() for _ = 1, 300 do rille.sleep(0.001) end return "ok" end)
app:get("/live", function() rille.spawn(function() rille.sleep "5s" end) rille.sleep "1s" return timeline.here() end)
app:get("/background", function() rille.background(function() rille.sleep "1s" end) return "ok" end)
app:get("/page", function(c) return c:render("page", { wait = function() rille.sleep "1s" return "x" end }) end)
app:get("/fails", function() error "no" end)

local t = rille.test { app = app, isolation = false }
local api = t:client()

local function line(path)
  local number = 0
  for text in io.lines "spec/rille/timeline_spec.lua" do
    number = number + 1
    if text:find('"' .. path .. '"', 1, true) then return "spec/rille/timeline_spec.lua:" .. number end
  end
end

local function last() return timeline.request(timeline.requests()[1].id) end

local function asked(path)
  assert.equal(200, api:get(path).status)
  return last()
end

-- Of each event, those of its fields.
local function only(events, ...)
  local list = {}
  for i, event in ipairs(events) do
    list[i] = {}
    for j, name in ipairs { ... } do
      local value = event[name] or false
      list[i][j] = type(value) == "number" and math.floor(value + 0.5) or value -- a frozen clock stands between two milliseconds
    end
  end
  return list
end

describe("the record of requests", function()
  it("is empty as long as none is kept", function()
    assert.is_false(timeline.is_on())
    assert.equal(200, api:get("/plain/x").status)
    assert.same({}, timeline.requests())
    assert.same({}, timeline.routes())
    assert.same({}, timeline.slow())
    assert.is_nil(timeline.request "0")
  end)
end)

describe("of what requests do, the record", function()
  setup(function() core.journal_keep() end)

  it("is kept", function() assert.is_true(timeline.is_on()) end)

  it("has what each one was", function()
    local now = rille.now()
    local request = asked "/plain/ada?greeting=1"
    assert.same({ "GET", "/plain/ada?greeting=1", "/plain/:name", 200, false, 0, 0, 0 },
      { request.method, request.path, request.route, request.status, request.is_live, request.worker, request.sql, request.dropped })
    assert.matches("^%x+$", request.id)
    assert.is_true(math.abs(request.start - now) < 60)
    assert.same({}, request.events)
  end)

  it("has those that no route took, and those that failed", function()
    api:get "/nowhere"
    assert.same({ "/nowhere", 404 }, { last().path, last().status })
    assert.is_nil(last().route)
    t.expect_fault()
    api:get "/fails"
    assert.same({ "/fails", 500 }, { last().route, last().status })
  end)

  it("has their waits, each task's under it", function()
    t.clock.freeze()
    local sleeps = { { "sleep", 0, 1000, 1, 1 }, { "sleep", 0, 2000, 2, 1 } } -- in the order that the seed has drawn
    local list = only(asked("/tasks").events, "what", "start_ms", "ms", "parent", "depth")
    if list[4][4] == 2 then sleeps[1], sleeps[2] = sleeps[2], sleeps[1] end
    assert.same({ { "task", 0, 1000, false, 0 }, { "task", 0, 2000, false, 0 }, { "group", 0, 1000, false, 0 }, sleeps[1], sleeps[2],
      { "group", 1000, 1000, false, 0 } }, list)
    for _, event in ipairs(last().events) do assert.equal(line "/tasks", event.at) end
  end)

  it("calls a wait what the app has called", function()
    t.clock.freeze()
    local words = {}
    for _, path in ipairs { "/lines", "/lock" } do
      for _, event in ipairs(asked(path).events) do words[event.what] = (words[event.what] or 0) + 1 end
    end
    assert.same({ task = 2, channel = 1, await = 1, lock = 1, sleep = 3 }, words)
  end)

  it("has templates, and under each what it waits for", function()
    local dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir " .. dir))
    for name, text in pairs { page = '<% layout "frame" %><%= wait() %><%- partial "part" %>', part = "part", frame = "<%- yield() %>" } do
      local file = assert(io.open(dir .. "/" .. name .. ".etlua", "w"))
      file:write(text)
      file:close()
    end
    app:views { dir = dir }
    t.clock.freeze()
    local list = only(asked("/page").events, "what", "text", "ms", "parent", "depth")
    os.execute("rm -r " .. dir)
    assert.same({ { "template", "page", 1000, false, 0 }, { "sleep", false, 1000, 1, 1 }, { "template", "part", 0, 1, 1 }, { "template", "frame", 0, false, 0 } }, list)
  end)

  it("has nothing of tasks that outlive their request", function() assert.same({}, asked("/background").events) end)

  it("counts what is beyond its bound", function()
    t.clock.freeze()
    local request = asked "/many"
    assert.same({ 256, 44, 256 }, { #request.events, request.dropped, request.event_count })
  end)

  it("tells of a request that runs what it waits for", function()
    t.clock.freeze()
    t.expect_leak()
    local here = api:get("/live").json
    assert.same({ true, 1000, "task" }, { here.is_live, math.floor(here.ms), here.events[1].what })
    assert.is_nil(here.events[1].ms)
    assert.same({ "sleep", 1 }, { here.waiting.what, here.waiting.parent })
    local ended = last()
    assert.same({ here.id, false }, { ended.id, ended.is_live })
    assert.is_nil(ended.waiting)
    assert.equal(1000, math.floor(ended.events[1].ms)) -- it was cancelled with its request
  end)

  it("keeps the last 200", function()
    local first = asked("/plain/x").number
    for _ = 1, 210 do api:get "/plain/y" end
    local list = timeline.requests()
    assert.same({ 200, first + 210, first + 11 }, { #list, list[1].number, list[200].number })
  end)

  it("has the times of each route", function()
    t.clock.freeze()
    for _ = 1, 3 do api:get "/lines" end
    local by_route = {}
    for _, one in ipairs(timeline.routes()) do by_route[one.route] = one end
    local one = by_route["/lines"]
    assert.same({ "GET", 4, 0, 2000, 2000 }, { one.method, one.count, one.errors, math.floor(one.max_ms), math.floor(one.mean_ms) })
    for _, name in ipairs { "p50_ms", "p95_ms", "p99_ms" } do assert.is_true(one[name] > 1870 and one[name] <= 2001) end
    assert.equal(1, by_route["/fails"].errors)
    assert.equal(1, by_route["-"].count)
    assert.equal("/plain/:name", timeline.routes()[1].route) -- the most requests
  end)
end)

describe("of statements, the record", function()
  local dir, old_url

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir, old_url = name:read "*l", core.settings.database_url
    name:close()
    core.settings.database_url = cluster.start(dir .. "/pg", { durable = false })
    db:close()
    db:script "create table things (id int primary key, name text); insert into things select n, 't' || n from generate_series(1, 20) n"
    core.journal_keep()
  end)

  teardown(function()
    db:close()
    core.settings.database_url = old_url
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("has the text, the line, the rows and the lane, and no values", function()
    local request
    for _ = 1, 300 do -- the lane has to learn that it is quick, and may not where the machine is slow
      request = asked "/one"
      if request.events[1].lane == "shared" then break end
    end
    assert.same({ { "sql", "select name from things where id = $1", line "/one", 1, false } },
      only(request.events, "what", "text", "at", "rows", "failed"))
    local lane = request.events[1].lane
    assert.is_true(lane == "shared" or lane == "exclusive", lane)
    assert.equal(1, request.sql)
    assert.equal(request.events[1].ms, request.sql_ms)
  end)

  it("has a transaction's on their connection, and rows that were changed", function()
    local events = asked("/held").events
    assert.same({ { "begin", 0, "exclusive" }, { "update things set name = 'x' where id < 4", 3, "exclusive" }, { "commit", 0, "exclusive" } },
      only({ events[1], events[2], events[#events] }, "text", "rows", "lane"))
  end)

  it("has what failed, with the server's code", function()
    t.expect_fault()
    api:get "/wrong"
    assert.same({ { "select 1 / 0", "22012", false } }, only(last().events, "text", "failed", "rows"))
  end)

  it("has a batch as one, by its first", function()
    assert.same({ { "select 1", 4 } }, only(asked("/batch").events, "text", "rows"))
  end)

  it("cuts long texts between two characters", function()
    local text = asked("/cut").events[1].text
    assert.equal(1999, #text)
    assert.matches("ä$", text)
    assert.is_true(last().events[1].is_cut)
  end)

  it("marks those that a line asks for one by one, and those that take long", function()
    local events = asked("/loop").events
    assert.equal(12, #events)
    for _, event in ipairs(events) do assert.equal(12, event.repeated) end
    for _, event in ipairs(asked("/few").events) do assert.is_nil(event.repeated) end
    local slow = asked("/slow").events[1]
    assert.is_true(slow.is_slow)
    local list, of = timeline.slow(), { ["/slow"] = {}, ["/loop"] = {} }
    for i, one in ipairs(list) do
      assert.is_true(i == 1 or one.ms <= list[i - 1].ms)
      table.insert(of[one.route] or {}, one) -- on a machine that stalls, any other route may be slow, too
    end
    assert.same({ 12, 1, slow.text, last().id }, { #of["/loop"], #of["/slow"], of["/slow"][1].text, of["/slow"][1].request })
  end)

  it("is what the page of a fault shows, and the error that others are told", function()
    t.expect_fault(2)
    local body = t:client { headers = { accept = "text/html" } }:get("/after").body
    assert.matches("<h2>Statements of this request</h2>\n<p>[%d.]+ ms · rows: 1 · " .. line "/after":gsub("%p", "%%%0") .. "</p><pre>select name", body)
    assert.matches("failed: 22012", body, 1, true)
    local list = api:get("/after").json.error.details.statements
    assert.same({ { "select name from things where id = $1", 1, line "/after", false }, { "select 1 / 0", false, line "/after", "22012" } },
      only(list, "sql", "rows", "at", "failed"))
  end)

  it("has what Rille asks for by itself, marked as that, and no page of a fault shows it", function()
    t.expect_fault()
    local list = api:get("/model").json.error.details.statements
    assert.equal(2, #list)
    assert.is_nil(list[1].sql:find("pg_attribute", 1, true))
    local events = last().events
    assert.matches("pg_attribute", events[1].text, 1, true)
    assert.same({ { true }, { false }, { false } }, only(events, "is_own"))
  end)

  it("gives a plan of what it has, without the values, and runs nothing", function()
    assert.matches("Index Scan using things_pkey on things.*Index Cond: %(id = $1%)", explain(asked("/one").events[1].text))
    assert.matches("^Delete on things", explain "delete from things where id > $1 and name = any($2)")
    assert.matches("^Result", explain "select 1")
    assert.equal(20, db:one("select count(*)::int as n from things").n)
    for _, wrong in ipairs { "select 1; drop table things", "select nothing", "drop table things", "commit", "" } do
      local plan, why = explain(wrong)
      assert.is_nil(plan)
      assert.is_string(why)
    end
    assert.equal(20, db:one("select count(*)::int as n from things").n)
    assert.matches("^Result", explain "select 1") -- nothing is left of those before
  end)
end)
