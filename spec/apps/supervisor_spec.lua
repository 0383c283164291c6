--- A server process that fails, hangs, or is to be another one: what its clients notice.
local core = require "rille.core"
local database = require "spec.apps.database"
local server = require "spec.server"
local shell = require "spec.shell"
local terminal = require "spec.terminal"
local wire = require "spec.wire"

describe("a supervised server", function()
  local running

  local function start(...)
    running = server.start { app = "spec/apps/supervisor", supervise = true, env = { DATABASE_URL = "" },
      args = { "--workers", "2", "--stop-delay", "0", ... } }
    finally(function() running:stop() end)
  end

  local function await_log(text)
    assert(server.wait_for(function() return running:log():find(text, 1, true) end), running:log())
  end

  local function count(text)
    local _, found = running:log():gsub(text:gsub("%p", "%%%0"), "")
    return found
  end

  -- The answer, or nil when the connection broke.
  local function ask(path, header)
    local conn = wire.connect(running.port)
    conn:send(wire.get(path, header))
    local answer = conn:answer()
    conn:close()
    return answer
  end

  local function process()
    return tonumber(assert(ask "/process").body)
  end

  local function tell(command)
    return pcall(shell.run, ("%s %s --host 127.0.0.1 --port %d"):format(shell.quoted(shell.rille()), command, running.port))
  end

  it("is another process than its supervisor, and ends with it", function()
    start()
    local server_process = process()
    assert.not_equal(running.pid, server_process)
    assert.equal(0, (running:stop()))
    assert.is_nil(shell.read_file("/proc/" .. server_process .. "/stat"))
  end)

  it("is there again after it was killed; what waits in the queue is served", function()
    start()
    for _ = 1, 3 do
      local before = process()
      shell.run("kill -KILL " .. before)
      assert.not_equal(before, process())
    end
    assert.equal(3, count "another one takes its place")
    assert.equal(3, tonumber(shell.run(("%s status --json --host 127.0.0.1 --port %d"):format(shell.quoted(shell.rille()),
      running.port)):match '"restarts":(%d+)'))
  end)

  it("names the route that crashed, and answers 503 for it from the third time on", function()
    start("--trusted-proxies", "127.0.0.1")
    running.crashes = true
    for i = 1, 3 do assert.is_nil(ask("/crash", "X-Request-Id: edge-" .. i)) end
    local answer = assert(ask "/crash")
    assert.equal(503, answer.status)
    assert.matches('"code":"quarantined"', answer.body, 1, true)
    assert.equal(200, ask("/process").status)
    assert.matches("\nanswered 503, since it brought the server down again and again: /crash",
      (shell.run(("%s status --host 127.0.0.1 --port %d"):format(shell.quoted(shell.rille()), running.port))), 1, true)
    assert.equal(3, count "another one takes its place")
    for i = 1, 3 do
      assert.matches("another one takes its place ended=[^\n]* route=/crash request_id=edge%-" .. i, running:log())
    end
  end)

  for route, stack in pairs { ["/compiled"] = false, ["/interpreted"] = true } do
    it("replaces a process with an endless loop that is " .. route:sub(2), function()
      start("--hang-timeout", "600ms", "--drain-timeout", "1s")
      local before = process()
      local slow, stuck = wire.connect(running.port), wire.connect(running.port)
      stuck:send(wire.get(route))
      await_log("a worker hangs: the process will be replaced route=" .. route)
      local id = running:log():match "it begins[^\n]* id=(%x+)" -- a table names its fields in any order
      await_log(route .. " request_id=" .. id)
      await_log "serves"
      assert.not_equal(before, process())
      if stack then await_log "spec/apps/supervisor/app.lua:" end
      stuck:close()
      slow:close()
    end)
  end

  it("lets the other worker's requests end while it is replaced", function()
    start("--hang-timeout", "600ms", "--drain-timeout", "5s", "--env", "production")
    local conns = {}
    for i = 1, 20 do -- some on each worker: the kernel throws a coin for each
      conns[i] = wire.connect(running.port)
      conns[i]:send(wire.get "/slow")
    end
    local stuck = wire.connect(running.port)
    stuck:send(wire.get "/compiled")
    await_log "told to: stopping"
    local answered = 0
    for _, conn in ipairs(conns) do
      conn.seconds = 1
      local answer = conn:answer()
      if answer then
        assert.equal("slept", answer.body)
        answered = answered + 1
      end
      conn:close()
    end
    assert.is_true(answered > 0)
    stuck:close()
    await_log "a worker hangs: ending without it"
    for line in running:log():gmatch "[^\n]+" do
      if line:find("hang", 1, true) then assert.has_no_error(function() core.json_decode(line) end, line) end
    end
  end)

  it("becomes another binary without losing a request", function()
    start()
    local before, conn = process(), wire.connect(running.port)
    conn:send(wire.get "/slow")
    local ok, said = tell "upgrade"
    assert.is_true(ok, said)
    assert.equal("slept", assert(conn:answer()).body)
    local after = assert(server.wait_for(function() -- the old one still answers what reached it
      local now = process()
      return now ~= before and now
    end))
    assert.equal("rille 0.1.0 serves in process " .. after, said)
    assert.is_true(running:is_running()) -- as the same process
  end)

  -- A server whose binary is then this shell script.
  local function upgrade_to(script)
    local dir = shell.run "mktemp -d /tmp/rille-upgrade.XXXXXX"
    shell.run(("cp %s %s/rille; cp spec/apps/supervisor/* %s"):format(shell.quoted(shell.rille()), dir, dir))
    running = server.start { app = dir, supervise = true, env = { DATABASE_URL = "" }, args = { "--stop-delay", "0" },
      launcher = ([[sh -c 'shift; exec %s/rille "$@"' _]]):format(dir) }
    finally(function()
      running:stop()
      shell.run("rm -r " .. dir)
    end)
    local file = assert(io.open(dir .. "/new", "w"))
    file:write("#!/bin/sh\n", script:format(shell.quoted(shell.rille())), "\n")
    file:close()
    shell.run(("cd %s; echo 'no Lua' >> app.lua; chmod 755 new; mv -f new rille"):format(dir))
    local before = process()
    local ok, said = tell "upgrade"
    assert.is_false(ok)
    assert.matches("rille upgrade: the old binary goes on: the server's log says why", said, 1, true)
    assert.equal(before, process())
  end

  it("goes on when the other binary does not find the app in order, and says so at once", function()
    upgrade_to "exit 1"
    await_log "not upgraded"
  end)

  it("goes on when the other binary does not come to serve, and says so at once", function()
    upgrade_to '[ "$1" = check ] || exec %s "$@"'
    await_log "the new process could not start: the old one goes on"
    local before = process()
    shell.run("kill -KILL " .. before) -- it is looked after as before
    await_log "another one takes its place"
  end)

  it("becomes another binary again while requests of the first one run", function()
    start()
    local conn = wire.connect(running.port)
    conn:send "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na"
    assert.equal(200, ask("/process").status) -- and what was sent before it has arrived
    for _ = 1, 2 do
      local ok, said = tell "upgrade"
      assert.is_true(ok, said)
    end
    conn:send "b"
    assert.equal("2", assert(conn:answer()).body)
    conn:close()
  end)

  it("shares what it may have of the database's connections with the one that takes its place", function()
    local base = database.new()
    running = server.start { app = "spec/apps/supervisor", supervise = true, env = { DATABASE_URL = base.url },
      args = { "--workers", "1", "--stop-delay", "0", "--db-exclusive", "4", "--db-shared", "1", "--db-min-idle", "0" } }
    finally(function()
      running:stop()
      base:drop()
    end)
    local function await_sessions(wanted)
      local now
      local is_so = server.wait_for(function()
        now = tonumber(base:sql "select count(*) from pg_stat_activity where application_name like 'rille%'")
        return now == wanted
      end)
      assert.is_true(is_so, ("%d sessions, and not %d"):format(now, wanted))
    end
    assert.equal(204, ask("/fill").status)
    await_sessions(4)
    local held = wire.connect(running.port)
    held:send "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na"
    local ok, said = tell "upgrade"
    assert.is_true(ok, said)
    await_sessions(2 + 1) -- the new one has looked whether the database is there
    assert.equal(204, ask("/fill").status)
    await_sessions(2 + 2)
    held:send "b"
    assert.equal("2", assert(held:answer()).body)
    held:close()
    await_sessions(2)
    assert.is_truthy(server.wait_for(function()
      ask "/fill"
      return base:sql "select count(*) from pg_stat_activity where application_name like 'rille%'" == "4"
    end))
  end)

  it("reloads, and stops when it is told to", function()
    start()
    assert.same({ true, "generation 2 serves" }, { tell "reload" })
    assert.same({ true, "" }, { tell "stop" })
    assert.equal(0, (running:stop()))
  end)

  it("says at a terminal what it waits for", function()
    start()
    local held = wire.connect(running.port)
    held:send "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na"
    local at = terminal.open(("%s stop --host 127.0.0.1 --port %d"):format(shell.quoted(shell.rille()), running.port))
    at:see "rille stop: the server answers what has begun"
    held:send "b"
    assert.equal("2", assert(held:answer()).body)
    held:close()
    assert.equal(0, at:close())
  end)

  it("says once why it cannot start, and tries no more", function()
    local dir = shell.run "mktemp -d /tmp/rille-broken.XXXXXX"
    finally(function() shell.run("rm -rf " .. dir) end)
    shell.run("echo 'return 1 +' >" .. dir .. "/app.lua")
    local ok, said = pcall(shell.run, ("DATABASE_URL= timeout 60 %s serve %s --port 0"):format(shell.quoted(shell.rille()), dir))
    assert.is_false(ok)
    local _, times = said:gsub("unexpected symbol", "")
    assert.equal(1, times)
  end)

  it("tells the service manager when it serves and when it stops", function()
    local unix = require "socket.unix"
    local path = os.tmpname()
    os.remove(path)
    local ear = unix.dgram and unix.dgram() or unix()
    assert(ear:bind(path))
    ear:settimeout(20)
    finally(function() os.remove(path) end)
    running = server.start { app = "spec/apps/supervisor", supervise = true, env = { DATABASE_URL = "", NOTIFY_SOCKET = path } }
    assert.equal("READY=1", ear:receive())
    running:stop()
    assert.equal("STOPPING=1", ear:receive())
  end)
end)
