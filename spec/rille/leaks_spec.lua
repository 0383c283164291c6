--- What requests leave open is named, with its line.
local cluster = require "spec.cluster"
local core = require "rille.core"
local leaks = require "rille.leaks"
local rille = require "rille"

local app = rille.app()
local lock, rwlock, slots = rille.mutex(), rille.rwlock(), rille.semaphore(3)
local kept
local pool = rille.resources { create = function() return {} end }

-- Each handler's line is asked for below: `line` finds it by the path.
app:get("/task", function() rille.spawn(rille.sleep, 100) return "ok" end)
app:get("/tasks", function() for _ = 1, 3 do rille.spawn(rille.sleep, 100) end return "ok" end)
app:get("/failed", function(c) rille.spawn(rille.sleep, 100) rille.topic("news"):subscribe() return c:fail(404, "no") end)
app:get("/awaited", function() rille.spawn(rille.sleep, "1ms"):await() return "ok" end)
app:get("/cancelled", function() rille.spawn(rille.sleep, 100):cancel() return "ok" end)
app:get("/background", function() rille.background(rille.sleep, 100) return "ok" end)
app:get("/several", function() rille.any { function() return 1 end, function() rille.sleep(100) end } return "ok" end)
app:get("/subscription", function() local it = rille.topic("news"):subscribe() return tostring(it:len()) end)
app:get("/closed", function() local it = rille.topic("news"):subscribe() it:close() return "ok" end)
app:get("/inside", function() rille.all { function() return rille.topic("news"):subscribe():len() end } return "ok" end)
app:get("/mutex", function() lock:lock() return "ok" end)
app:get("/raised", function() lock:lock() error "oh no" end)
app:get("/with", function() return lock:with(function() return slots:with(function() return rwlock:with(rille.uptime) and "ok" end) end) end)
app:get("/deferred", function(c) c:after(function() slots:release() end) rille.defer(function() lock:unlock() end) lock:lock() slots:acquire() return "ok" end)
app:get("/waited", function() lock:lock("1s") lock:unlock() return "ok" end)
app:get("/permits", function() slots:acquire() slots:try_acquire() return "ok" end)
app:get("/read", function() rwlock:read_lock() return "ok" end)
app:get("/write", function() rwlock:lock() return "ok" end)
app:get("/resource", function() pool:acquire() return "ok" end)
app:get("/released", function() pool:release(pool:acquire()) return "ok" end)
app:get("/file", function() kept = io.open "Makefile" return "ok" end)
app:get("/file-closed", function() io.open "Makefile":close() return "ok" end)
app:get("/random", function() return rille.random(4) end)
app:get("/listener", function() rille.db:listen "news" return "ok" end)
app:get("/misuse", function() lock:lock "soon" end)
app:get("/unlocked", function() lock:unlock() end)

local t = rille.test(app)
local api = t:client()

local function line(path)
  local number = 0
  for text in io.lines "spec/rille/leaks_spec.lua" do
    number = number + 1
    if text:find(('app:get("%s",'):format(path), 1, true) then
      return "spec/rille/leaks_spec.lua:" .. number
    end
  end
end

describe("a request", function()
  local heard

  before_each(function() heard = {} end)

  teardown(function() if kept then kept:close() end end)

  -- What is told of a request, in place of the example's failure.
  local function left_by(path)
    local example = require "rille.test.example"
    leaks.watch(function(text) heard[#heard + 1] = text end)
    api:get(path)
    for _ = 1, 200 do
      if leaks.pending() == 0 then break end
      rille.sleep "1ms"
    end
    leaks.watch(example.meet_leak)
    assert.equal(0, leaks.pending())
    return heard
  end

  for path, what in pairs {
    ["/task"] = "a task", ["/tasks"] = "3 tasks", ["/subscription"] = "a subscription", ["/resource"] = "a resource",
    ["/file"] = "an open file",
  } do
    it("that leaves " .. what .. " behind is told, with the line", function()
      assert.same({ ("a request left open: %s (%s)"):format(what, line(path)) }, left_by(path))
    end)
  end

  it("that keeps a lock or permits is told, with the line", function()
    assert.same({ ("a request left open: a locked mutex (%s)"):format(line "/mutex") }, left_by "/mutex")
    lock:unlock()
    heard = {}
    assert.same({ ("a request left open: 2 permits of a semaphore (%s)"):format(line "/permits") }, left_by "/permits")
    slots:release()
    slots:release()
    heard = {}
    assert.same({ ("a request left open: a lock for reading (%s)"):format(line "/read") }, left_by "/read")
    rwlock:read_unlock()
    heard = {}
    assert.same({ ("a request left open: a lock for writing (%s)"):format(line "/write") }, left_by "/write")
    rwlock:unlock()
  end)

  it("that was handed a lock keeps it, too, and nobody is told of one that timed out", function()
    lock:lock()
    rille.spawn(function() rille.sleep "1ms" lock:unlock() end)
    assert.same({}, left_by "/waited")
    assert.is_true(lock:try_lock())
    rille.spawn(function() rille.sleep "1ms" lock:unlock() end)
    assert.equal(1, #left_by "/mutex")
    lock:unlock()
  end)

  it("that failed had no chance to await or close, but to unlock", function()
    t.expect_fault()
    assert.same({}, left_by "/failed")
    assert.same({ ("a request left open: a locked mutex (%s)"):format(line "/raised") }, left_by "/raised")
    lock:unlock()
  end)

  for _, path in ipairs {
    "/awaited", "/cancelled", "/background", "/several", "/closed", "/inside", "/with", "/deferred", "/released", "/file-closed", "/random",
  } do
    it("is not told of by " .. path, function() assert.same({}, left_by(path)) end)
  end

  it("is not told of a listener that it closes, but of one it leaves", function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    local dir, old_url = name:read "*l", core.settings.database_url
    name:close()
    core.settings.database_url = cluster.start(dir .. "/pg", { durable = false })
    rille.db:close()
    local told = left_by "/listener"
    rille.db:close()
    core.settings.database_url = old_url
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
    assert.same({ ("a request left open: a listener of the database (%s)"):format(line "/listener") }, told)
  end)

  it("that misuses a lock is blamed on its own line", function()
    lock:lock()
    local _, misused = pcall(function() return (api:get "/misuse") end)
    lock:unlock()
    assert.truthy(tostring(misused):find(line "/misuse" .. ": ", 1, true), misused)
    local _, unlocked = pcall(function() return (api:get "/unlocked") end)
    assert.truthy(tostring(unlocked):find(line "/unlocked" .. ": mutex:unlock(): it is not locked", 1, true), unlocked)
  end)
end)

describe("an example", function()
  local function ran(path)
    local example = require "rille.test.example"
    return pcall(example.body(function() api:get(path) end, { short_src = "some_spec.lua", currentline = 7 }))
  end

  it("fails when a request of it leaves something open, unless it says so", function()
    local ok, why = ran "/task"
    assert.is_false(ok)
    assert.equal(("some_spec.lua:7: a request left open: a task (%s) (t.expect_leak() says that it should)"):format(line "/task"), why)
    t.expect_leak()
    assert.is_true(ran "/task")
  end)

  it("fails when it says so, and nothing is left open", function()
    t.expect_leak()
    assert.same({ false, "some_spec.lua:7: t.expect_leak(): no request of this example left anything open" }, { ran "/closed" })
    assert.is_true(ran "/resource")
  end)
end)
