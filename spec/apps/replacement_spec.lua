--- A server process that is replaced again and again, under load: what its clients lose by it.
-- REPLACEMENTS says how often (3); then what was measured is printed, too: `make bench-loop`.
local server = require "spec.server"
local shell = require "spec.shell"
local socket = require "socket"
local swarm = require "spec.apps.swarm"
local wire = require "spec.wire"

local CONNECTIONS = 10
local FRESH_EVERY = 3 -- the so manieth request is the last of its connection
local NAP_EVERY = 4 -- ... is one that takes a while
local PATIENCE_SECONDS = 60

describe("a process that is replaced under load", function()
  local running, load, lost

  setup(function()
    running = server.start { app = "spec/apps/supervisor", supervise = true, env = { DATABASE_URL = "" },
      args = { "--workers", "2", "--stop-delay", "0", "--no-access-log" } }
    load, lost = swarm.new(running.port, CONNECTIONS), {}
  end)

  teardown(function()
    load:close()
    running:stop()
  end)

  local seen = {} -- processes that have answered

  -- Keep all connections busy until `is_over` says so of an answer that names its process.
  local function ask_until(is_over)
    local ended
    local deadline = socket.gettime() + PATIENCE_SECONDS
    load:run(function(n)
      if ended then return end
      assert(socket.gettime() < deadline, "the next process does not come")
      local path = n % NAP_EVERY == 0 and "/nap" or "/process"
      return wire.get(path, n % FRESH_EVERY == 0 and "Connection: close" or "Accept: */*"), function(answer, why, conn)
        if not answer then
          lost[#lost + 1] = { path = path, why = why, opened = conn.opened }
          return
        end
        assert.equal(200, answer.status)
        local is_new = not seen[answer.body]
        seen[answer.body] = true
        ended = ended or is_over(answer.body, is_new)
      end
    end)
  end

  -- Runs beside the load, as nothing here may wait for it; returns whether it has ended.
  local function begin(command)
    local said = os.tmpname()
    os.execute(("(%s %s --host 127.0.0.1 --port %d; echo \"status $?\") >%s 2>&1 &"):format(
      shell.quoted(shell.rille()), command, running.port, said))
    return function()
      local text = shell.read_file(said)
      local status = text:match "status (%d+)\n$"
      if not status then return false end
      os.remove(said)
      assert.equal("0", status, text)
      return true
    end
  end

  local function reload()
    ask_until(begin "reload")
    assert.same({}, lost)
  end

  local function upgrade()
    local has_ended, is_told, has_answered = begin "upgrade", false, false
    ask_until(function(_, is_new)
      has_answered = has_answered or is_new
      is_told = is_told or has_ended()
      return is_told and has_answered
    end)
    assert.same({}, lost)
  end

  local function current()
    return tonumber((shell.run(("%s status --json --host 127.0.0.1 --port %d"):format(
      shell.quoted(shell.rille()), running.port)):match '"pid":(%d+)'))
  end

  -- Returns for how long nothing was served, and how many requests it took along.
  local function kill()
    local victim = assert(current())
    local killed, back
    ask_until(function(_, is_new) -- the other connections wait for answers when it is killed
      if not killed then
        shell.run("kill -KILL " .. victim)
        killed = socket.gettime()
      elseif is_new then
        back = socket.gettime() - killed
      end
      return back ~= nil
    end)
    local count = #lost
    assert.is_true(count <= CONNECTIONS, "more was lost than can have been in flight")
    for _, request in ipairs(lost) do
      assert.is_true(request.opened < killed, request.path .. " on a new connection: " .. request.why)
    end
    lost = {}
    return back, count
  end

  it("loses nothing to a reload or an upgrade, and to a kill only what was in flight", function()
    local times, gaps, taken = tonumber(os.getenv "REPLACEMENTS"), {}, 0
    ask_until(function() return true end)
    for n = 1, times or 3 do
      if n % 3 == 1 then
        upgrade()
      elseif n % 3 == 2 then
        reload()
      else
        local gap, count = kill()
        gaps[#gaps + 1], taken = gap, taken + count
      end
    end
    assert.is_true(running:is_running()) -- as the same process
    if not times then return end
    table.sort(gaps)
    local median, most = gaps[math.ceil(#gaps / 2)], gaps[#gaps]
    print(("# %d replacements, %d requests: none lost to reload and upgrade, %d in flight to %d kills, after which it was back "
      .. "in %.0f ms (median), %.0f ms (slowest)"):format(times, load.asked, taken, #gaps, median * 1000, most * 1000))
  end)
end)
