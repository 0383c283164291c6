-- What a developer waits for, and what a day of it leaves behind: `make bench-loop`. SAVES and RELOADS say how often.
--
--   saves      of apps/shop under wrk: until every connection is answered by the new code
--   reloads    of apps/shop, one after the other: the memory that remains
--   a hang     of one worker, in machine code: until another process answers
--
-- Replacements of the process are beside it in spec/apps/replacement_spec.lua.
local database = require "spec.apps.database"
local server = require "spec.server"
local shell = require "spec.shell"
local socket = require "socket"
local wire = require "spec.wire"

local SAVES = tonumber(os.getenv "SAVES") or 200
local RELOADS = tonumber(os.getenv "RELOADS") or 1000
local GROWTH_MOST = 1.1
local PAUSE_SECONDS = 0.05 -- between two saves: a person's are further apart
local LOAD_SECONDS = 0.1 -- of wrk, for each save and beside its pause
local SETTLED = 100 -- reloads after which the allocator has what it needs
local HANG_SECONDS = 1

local function percentile(sorted, share)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

describe("the daily loop", function()
  local base, dir, running

  setup(function()
    base = database.new()
    base:migrate()
    base:seed "apps/shop"
    dir = shell.run "mktemp -d /tmp/rille-loop.XXXXXX"
  end)

  teardown(function()
    base:drop()
    shell.run("rm -rf " .. dir)
  end)

  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    assert(file:write(text))
    file:close()
  end

  -- The shop, with a route more that says which code answers, from two of its modules.
  local function start_shop()
    shell.run(("rm -rf %s && cp -r apps/shop %s"):format(dir, dir))
    local app = shell.read_file(dir .. "/app.lua")
    write("version.lua", "return 0")
    write("again.lua", "return require 'version'")
    write("app.lua", (app:gsub("return app%s*$", function()
      return 'local first, second = require "version", require "again"\n'
        .. 'app:get("/version", function() return first .. " " .. second end)\n\nreturn app\n'
    end)))
    running = server.start { app = dir, command = "dev", env = { DATABASE_URL = base.url },
      args = { "--workers", "2", "--no-access-log" } }
  end

  -- Which code answers on each of the connections, all asked at once. No answer may be of two codes.
  local function versions(conns)
    local found = {}
    for _, conn in ipairs(conns) do assert(conn:send(wire.get "/version")) end
    for i, conn in ipairs(conns) do
      local answer = assert(conn:answer())
      assert.equal(200, answer.status)
      local first, second = answer.body:match "^(%d+) (%d+)$"
      assert.equal(first, second)
      found[i] = tonumber(first)
    end
    return found
  end

  -- Save, and ask until the new code answers on every connection. Returns the seconds.
  local function save(conns, number)
    local began = socket.gettime()
    write("version.lua", "return " .. number)
    repeat
      assert(socket.gettime() - began < 10, "the new code does not come")
    until math.min(unpack(versions(conns))) == number
    return socket.gettime() - began
  end

  local function connect(count)
    local conns = {}
    for i = 1, count do
      conns[i] = wire.connect(running.port)
    end
    return conns
  end

  it("serves a save", function()
    start_shop()
    finally(function() running:stop() end)
    local conns, times = connect(8), {} -- of both workers
    local seconds = math.ceil(SAVES * (PAUSE_SECONDS + LOAD_SECONDS))
    local load = assert(io.popen(("wrk -t1 -c16 -d%d 'http://127.0.0.1:%d/api/v1/products?limit=2' 2>&1"):format(seconds, running.port)))
    for number = 1, SAVES do
      times[number] = save(conns, number)
      socket.sleep(PAUSE_SECONDS)
    end
    local said = load:read "*a"
    load:close()
    assert.matches("requests in", said, 1, true)
    assert.not_matches("Non-2xx", said, 1, true)
    assert.not_matches("Socket errors", said, 1, true)
    table.sort(times)
    print(("# %d saves of apps/shop: new code after %.0f ms (median), %.0f ms (99 of 100), %.0f ms (slowest); meanwhile %s requests, none failed")
      :format(SAVES, percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000, times[#times] * 1000, said:match "(%d+) requests in"))
  end)

  it("is reloaded again and again", function()
    start_shop()
    finally(function() running:stop() end)
    local conns, settled = connect(2), nil
    for number = 1, RELOADS do
      save(conns, number)
      if number == SETTLED then settled = running:memory() end
    end
    local growth = running:memory() / settled
    print(("# %d reloads: %.1f MB after %d, %.1f MB after all"):format(RELOADS, settled / 2^20, SETTLED, settled * growth / 2^20))
    assert.is_true(growth <= GROWTH_MOST)
  end)

  it("hangs, and is replaced", function()
    running = server.start { app = "spec/apps/supervisor", supervise = true, env = { DATABASE_URL = "" },
      args = { "--workers", "1", "--hang-timeout", HANG_SECONDS .. "s", "--drain-timeout", "1s" } }
    finally(function() running:stop() end)
    local stuck = wire.connect(running.port)
    assert(stuck:send(wire.get "/compiled"))
    assert(server.wait_for(function() return running:log():find("it begins", 1, true) end))
    local began, conn = socket.gettime(), wire.connect(running.port)
    assert(conn:send(wire.get "/process"))
    assert.equal(200, assert(conn:answer()).status)
    print(("# a worker hangs, in machine code, with a hang_timeout of %d s: the next process answers after %.2f s; the log: %s")
      :format(HANG_SECONDS, socket.gettime() - began, running:log():match "a worker hangs[^\n]*"))
    conn:close()
    stuck:close()
  end)
end)
