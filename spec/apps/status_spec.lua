--- `rille status` of a running server, and what workers share of a database.
local shell = require "spec.shell"
local client = require "spec.apps.client"
local database = require "spec.apps.database"
local json = require("rille").json
local server = require "spec.server"
local wire = require "spec.wire"

local EARS = 12 -- so many that both workers have some

-- What `rille status` prints, and its exit status.
local function ask(words)
  local pipe = io.popen(("timeout 60 %s status %s 2>&1; echo $?"):format(shell.rille(), words))
  local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return text, tonumber(status)
end

describe("rille status", function()
  local base, s, api

  setup(function()
    base = database.new()
    s = server.start {
      app = "spec/apps/status", env = { DATABASE_URL = base.url },
      args = { "--workers", "2", "--db-exclusive", "3", "--db-leak-after", "100ms" },
    }
    api = client.new(s.port)
  end)

  teardown(function()
    if s then assert.equal(0, (s:stop())) end
    if base then base:drop() end
  end)

  local function account()
    local text, status = ask("--json --port " .. s.port)
    assert.equal(0, status, text)
    return json.decode(text)
  end

  -- Wait for an account that `look` is content with.
  local function await(look)
    local last
    local seen = server.wait_for(function()
      last = account()
      return look(last) and last
    end)
    assert.truthy(seen, "it did not happen: " .. json.encode(last))
    return seen
  end

  it("tells what each lane does and has done", function()
    local count = 0
    await(function(now) -- until the statement is known to be quick, and shares a connection
      assert.equal(1, api:get("/one").json.n)
      count = count + 1
      return now.databases[1] and now.databases[1].shared.queries > 0
    end)
    -- On a machine that stalls, a loan of a moment may be a long one, too.
    local before = await(function(now) return now.databases[1].exclusive.in_use == 0 end).databases[1].exclusive.leaked
    local held = wire.connect(s.port)
    assert(held:send(wire.get "/held"))
    local told = await(function(now)
      local it = now.databases[1]
      return it and it.exclusive.leaked == before + 1 and it.exclusive.queries + it.shared.queries >= count
    end)
    local it = told.databases[1]
    assert.matches("^rille at ", it.name)
    assert.not_matches("://", it.name)
    assert.same({ 3, 1, 2 }, { it.most, it.exclusive.in_use, it.workers })
    assert.same({ s.pid, s.port, 2 }, { told.pid, told.port, told.workers })
    local by_app = api:get("/stats").json
    assert.same({ 1, before + 1 }, { by_app.in_use, by_app.leaked })
    assert.is_true(by_app.shared.queries >= it.shared.queries)
    held:close()
    await(function(now) return now.databases[1].exclusive.in_use == 0 end)
  end)

  -- Ask what a page about the server is told, until `look` is content with it.
  local function await_told(what, look)
    local last
    local seen = server.wait_for(function()
      last = api:get("/timeline/" .. what).json
      return look(last) and last
    end)
    assert.truthy(seen, "it was not told: " .. json.encode(last))
    return seen
  end

  it("tells a page what it tells here", function()
    local told, told_here = api:get("/timeline/process").json, account()
    for _, name in ipairs { "version", "pid", "app", "port", "workers", "host" } do assert.equal(told_here[name], told[name]) end
    assert.equal(told_here.databases[1].name, told.databases[1].name)
    assert.equal(#told_here.schedules, #told.schedules)
  end)

  it("tells a page of the VMs of all workers, and of what waits in them", function()
    local slept = wire.connect(s.port)
    assert(slept:send(wire.get "/slept"))
    local function sleeper(vms)
      for _, vm in ipairs(vms) do
        for _, task in ipairs(vm.tasks) do
          if task.route == "/slept" then return task, vm end
        end
      end
    end
    local vms = await_told("vms", function(vms) return #vms == 2 and sleeper(vms) end)
    local task, at = sleeper(vms)
    assert.same({ 0, 1, 1, 1 }, { vms[1].worker, vms[1].generation, vms[2].worker, vms[2].generation })
    assert.is_true(vms[1].memory > 100000 and vms[1].ceiling > vms[1].memory and vms[1].worst_lag_ms >= vms[1].lag_ms)
    assert.matches("^spec/apps/status/app.lua:%d+$", task.at)
    assert.matches("stack traceback:.*app.lua", task.stack)
    assert.same({ "sleep", 1 }, { task.what, at.live })
    local live
    await_told("requests", function(list)
      for _, one in ipairs(list) do live = one.id == task.request and one or live end
      return live
    end)
    assert.same({ "/slept", true, at.worker }, { live.route, live.is_live, live.worker })
    os.execute("kill -USR2 " .. s.pid) -- a reload: the request goes on in the generation that it began in
    vms = await_told("vms", function(list) return #list == 3 and sleeper(list) and select(2, sleeper(list)).is_retired end)
    assert.equal(1, select(2, sleeper(vms)).generation)
    slept:close()
    await_told("vms", function(list) return #list == 2 and list[1].generation == 2 and list[2].generation == 2 end)
  end)

  it("tells a page the last lines of its log, of all workers", function()
    api:get "/nowhere"
    local seen
    await_told("log", function(lines)
      for _, line in ipairs(lines) do seen = line.path == "/nowhere" and line or seen end
      return seen
    end)
    assert.same({ "info", "request", 404 }, { seen.level, seen.msg, seen.status })
  end)

  it("is printed for people", function()
    local text, status = ask("--port " .. s.port)
    assert.equal(0, status, text)
    assert.matches("spec/apps/status on http://127.0.0.1:" .. s.port .. ", process " .. s.pid, text, 1, true)
    assert.matches("\n  exclusive +%d+ +%d+ +%d+ +%d+%.%d+ +%d+ +%d+ +%d+ +%d+\n", text)
    assert.matches("\n  shared +%d+ +%d+ +%d+ +%d+%.%d+ +%d+ +%d+ +%d+ +%-\n", text)
    assert.not_matches(base.url:match ":([^:@/]+)@", text, 1, true)
  end)

  it("tells of schedules", function()
    local told = await(function(now)
      local runs = 0
      for _, one in ipairs(now.schedules) do runs = runs + one.runs end
      return #now.schedules == 3 and runs > 4 and now
    end)
    local by_name = {}
    for _, one in ipairs(told.schedules) do by_name[one.name] = one end
    local nightly = by_name.nightly
    assert.same({ "node", 0, 0, 0, false }, { nightly.scope, nightly.worker, nightly.runs, nightly.failed, nightly.is_running })
    assert.equal(3 * 3600, nightly.due % 86400)
    assert.equal("worker", by_name.often.scope)
    local text = ask("--port " .. s.port)
    assert.matches("\nschedule nightly %(node, worker 0%): next at %d%d%d%d%-%d%d%-%d%d 03:00:00 UTC, runs 0, failed 0, left out 0\n", text)
  end)

  it("tells of one connection that hears for all workers", function()
    local ears = {}
    for i = 1, EARS do
      ears[i] = wire.connect(s.port)
      assert(ears[i]:send(wire.get "/heard"))
    end
    local told = await(function(now)
      local it = now.listeners[1]
      return it and it.subscriptions == EARS and it.connected
    end)
    assert.equal(1, told.listeners[1].channels)
    assert.truthy(server.wait_for(function()
      return base:sql "select count(*) from pg_stat_activity where query = 'listen \"news\"' and state = 'idle'" == "1"
    end))
    base:sql "notify news, 'moon'"
    for i = 1, EARS do
      local answer = assert(ears[i]:answer())
      assert.matches('"moon"', answer.body, 1, true)
      ears[i]:close()
    end
    told = await(function(now) return now.listeners[1].subscriptions == 0 end)
    assert.equal(1, told.listeners[1].notes)
    await(function(now) return not now.listeners[1].connected end)
  end)

  it("says when there is nobody to ask", function()
    local text, status = ask "--port 1"
    assert.equal(1, status)
    assert.equal("rille status: no server of Rille listens on 127.0.0.1:1: --host and --port say which one is meant\n", text)
    text, status = ask "--jsno"
    assert.equal(2, status)
    assert.matches("no flag --jsno", text, 1, true)
  end)

  it("is told to the server's own user and root alone", function()
    if io.popen("id -u"):read "*l" ~= "0" then
      pending "wants root, to be somebody else"
      return
    end
    local pipe = io.popen(("setpriv --reuid=65534 --clear-groups %s status --port %d 2>&1"):format(
      shell.rille(), s.port))
    local text = pipe:read "*a"
    pipe:close()
    assert.matches("another user's", text, 1, true)
  end)
end)
