--- New code in a server that runs: what a save does, and what it does not.
local database = require "spec.apps.database"
local server = require "spec.server"
local shell = require "spec.shell"
local wire = require "spec.wire"

describe("a server whose app changes", function()
  local dir, running

  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    assert(file:write(text))
    file:close()
  end

  local function start(command, base, is_supervised)
    dir = shell.run "mktemp -d /tmp/rille-reload.XXXXXX"
    shell.run("cp spec/apps/reload/*.lua " .. dir)
    running = server.start {
      app = dir, dir = dir, -- where no migrations are: rille dev makes no database then, which another spec would share
      command = command, supervise = is_supervised, env = { DATABASE_URL = base and base.url or "" },
      args = { "--workers", "2", "--stop-delay", "0" },
    }
    finally(function()
      running:stop()
      shell.run("rm -rf " .. shell.quoted(dir))
      if base then base:drop() end
    end)
  end

  local function await_log(text)
    assert(server.wait_for(function() return running:log():find(text, 1, true) end), running:log())
  end

  local function answer_on(conn, bytes)
    conn:send(bytes)
    return assert(conn:answer())
  end

  local function ask(path)
    local conn = wire.connect(running.port)
    local answer = answer_on(conn, wire.get(path))
    conn:close()
    return answer.body
  end

  local function count(text)
    local _, found = running:log():gsub(text:gsub("%p", "%%%0"), "")
    return found
  end

  it("serves a save from the next request on, on connections that are open, too", function()
    start "dev"
    local conn = wire.connect(running.port)
    assert.equal("one one", answer_on(conn, wire.get "/").body)
    write("version.lua", "return 'two'")
    await_log "reloaded for version.lua: generation 2"
    assert.equal("two two", answer_on(conn, wire.get "/").body)
    for _ = 1, 20 do assert.equal("two two", ask "/") end
    conn:close()
  end)

  it("ends what had begun with the code it began with", function()
    start "dev"
    local conn = wire.connect(running.port)
    conn:send "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nbe"
    assert.equal("one one", ask "/")
    write("version.lua", "return 'two'")
    await_log "generation 2"
    assert.equal("two two", ask "/")
    conn:send "fore"
    assert.equal("one before", assert(conn:answer()).body)
    assert.equal("two two", answer_on(conn, wire.get "/").body)
    conn:close()
  end)

  it("keeps a generation's modules, also those that are first required later", function()
    start "dev"
    write("late.lua", "return 'late and ' .. require 'version'")
    await_log "reloaded for late.lua"
    assert.equal("late and one", ask "/late")
    os.remove(dir .. "/late.lua")
    await_log "generation 3"
    ask "/late"
    await_log "there is no module 'late'"
  end)

  it("goes on with what it has when a save is broken, and says where", function()
    start "dev"
    write("version.lua", "return 'two")
    await_log("not reloaded, generation 1 goes on: " .. dir .. "/version.lua:1: unfinished string")
    assert.equal("one one", ask "/")
    local conn, page = wire.connect(running.port), nil
    assert(server.wait_for(function() -- the other worker hears of it, too
      page = answer_on(conn, wire.get("/", "Accept: text/html,*/*"))
      return page.status == 500
    end))
    assert.matches("version.lua:1: unfinished string", page.body, 1, true)
    assert.matches('class="here">&gt;    1  return', page.body, 1, true)
    write("version.lua", "return 'three'")
    await_log "generation 3"
    assert.equal("three three", answer_on(conn, wire.get("/", "Accept: text/html,*/*")).body)
    conn:close()
    assert.equal("three three", ask "/")
  end)

  it("has open pages load again: after a save, while one does not load, and when it does again", function()
    start "dev"
    local function page()
      local conn = wire.connect(running.port)
      local body = answer_on(conn, wire.get("/page", "Accept: text/html")).body
      conn:close()
      return body:match 'refresh%.js" data%-stamp="([%w-]+)"', body
    end
    -- What the page's script does.
    local function listen()
      local conn = wire.connect(running.port)
      conn:send(wire.get("/_rille/changes", "Accept: text/event-stream"))
      return conn, assert(conn:await "data: ([%w-]+)")
    end
    local first = page()
    local conn, stamp = listen()
    assert.equal(first, stamp)
    write("style.css", "h1 { color: red }")
    local restyled = assert(conn:await "data: ([%w-]+)")
    assert.not_equal(first, restyled)
    await_log "pages that are open load again for style.css"
    server.wait_for(function() return page() == restyled end) -- of the other worker, too
    assert.equal(restyled, page())
    assert.equal(0, count "generation 2")
    write("version.lua", "return 'two'")
    assert.equal("again", conn:await "event: (%a+)")
    conn:close()
    await_log "generation 2"
    conn, stamp = listen()
    assert.not_equal(first, stamp)
    write("version.lua", "return 'two")
    local broken, text = assert(conn:await "data: ([%w-]+)"), nil
    assert.not_equal(stamp, broken)
    await_log "not reloaded"
    server.wait_for(function() -- the other worker hears of it, too
      local there
      there, text = page()
      return there == broken
    end)
    assert.matches("unfinished string", text, 1, true)
    write("version.lua", "return 'two'")
    assert.equal(stamp, conn:await "data: ([%w-]+)")
    conn:close()
    assert.not_matches("/_rille/changes", running:log(), 1, true)
  end)

  it("ends a load that would never end, and goes on with what it has", function()
    start "dev"
    shell.run("mkdir " .. dir .. "/config")
    write("config/development.lua", "return { load_timeout = '100ms' }") -- for the loads from here on
    write("version.lua", "local function endless()\nwhile true do end end while true do pcall(endless) end")
    await_log(dir .. "/version.lua:2: the app has been busy loading for longer than load_timeout")
    assert.equal("one one", ask "/")
  end)

  it("does not wait for a load that never ends when the file is saved again", function()
    start "dev"
    write("version.lua", "io.stderr:write 'endless' while true do pcall(function() while true do end end) end")
    await_log "endless"
    write("version.lua", "return 'two'")
    await_log "generation 2 is not loaded to its end: version.lua has changed again"
    assert(server.wait_for(function() return ask "/" == "two two" end), running:log())
    assert.not_matches("not reloaded", running:log(), 1, true)
  end)

  it("loads an app to its end that writes Lua files itself meanwhile", function()
    start "dev"
    write("version.lua", string.format([[
      local file = io.open(%q, "w")
      file:write "return 1"
      file:close()
      local began = os.clock()
      repeat until os.clock() > began + 0.1 -- the watch has long told
      return "two"
    ]], dir .. "/made.lua"))
    assert(server.wait_for(function() return ask "/" == "two two" end), running:log())
  end)

  it("tries again what could not be loaded when the database has been migrated", function()
    start "dev"
    write("version.lua", string.format("assert(io.open(%q)) return 'two'", dir .. "/applied"))
    await_log "not reloaded"
    write("applied", "") -- the database
    shell.run("mkdir " .. dir .. "/migrations")
    write("migrations/schema.sql", "create table two ();")
    await_log "reloaded for migrations/schema.sql"
    assert.equal("two two", ask "/")
  end)

  it("shows in the browser that the new code could not begin", function()
    start "dev"
    write("version.lua", "return setmetatable({}, { __concat = function() error 'no start' end })")
    await_log "app:on_start failed"
    assert(server.wait_for(function()
      local conn = wire.connect(running.port)
      local page = answer_on(conn, wire.get("/nowhere", "Accept: text/html"))
      conn:close()
      return page.status == 500 and page.body:find("version.lua:1: no start", 1, true)
    end), running:log())
    write("version.lua", "return 'two'")
    await_log "generation 3"
    local conn = wire.connect(running.port)
    assert.equal("two two", answer_on(conn, wire.get("/", "Accept: text/html,*/*")).body)
    conn:close()
  end)

  it("says when a broken save was taken back", function()
    start "dev"
    write("version.lua", "return 'two")
    await_log "not reloaded"
    write("version.lua", 'return "one"\n')
    await_log "version.lua is as generation 1 has it again"
    assert.equal("one one", ask "/")
  end)

  it("ends the services of the old code, and begins those of the new, once a worker", function()
    start "dev"
    write("version.lua", "return 'two'")
    await_log "stop of one"
    server.wait_for(function() return count "start of two" == 2 and count "stop of one" == 2 end)
    assert.same({ 2, 2, 2, 2 }, { count "start of one", count "end of service one", count "stop of one", count "start of two" })
    assert.equal(0, count "end of service two")
    assert.matches("end of service one.*stop of one", running:log())
  end)

  it("loses no request, and mixes no code, while saves come under load", function()
    start "dev"
    local conns, saves = {}, 20
    for i = 1, 8 do conns[i] = wire.connect(running.port) end
    for n = 1, saves do
      write("version.lua", ("return 'v%d'"):format(n))
      repeat
        for _, conn in ipairs(conns) do conn:send(wire.get "/") end
        for _, conn in ipairs(conns) do
          local answer = assert(conn:answer())
          local first, second = answer.body:match "^(%w+) (%w+)$"
          assert.equal(200, answer.status)
          assert.equal(first, second)
        end
        assert.not_matches("not reloaded", running:log(), 1, true)
      until running:log():find(("generation %d,"):format(n + 1), 1, true)
    end
    assert.equal(("v%d v%d"):format(saves, saves), ask "/")
    for _, conn in ipairs(conns) do conn:close() end
  end)

  it("keeps the connections to the database", function()
    local base = database.new()
    start("dev", base)
    local function sessions()
      return base:sql "select string_agg(pid::text, ' ' order by pid) from pg_stat_activity where application_name <> 'psql' and client_port is not null"
    end
    -- one for each worker's quick statements, which is there from its first one on; and those that are kept idle
    for _ = 1, 200 do ask "/rows" end
    local before = sessions()
    for n = 2, 6 do
      write("version.lua", ("return 'v%d'"):format(n))
      await_log(("generation %d,"):format(n))
      for _ = 1, 20 do assert.equal("3", ask "/rows") end
    end
    assert.equal(before, sessions())
  end)

  describe("in production", function()
    local rille = shell.quoted(shell.rille())

    local function reload()
      return pcall(shell.run, ("%s reload --host 127.0.0.1 --port %d"):format(rille, running.port))
    end

    it("changes when it is told to, not by itself", function()
      start "serve"
      write("version.lua", "return 'two'")
      assert.equal("one one", ask "/")
      assert.same({ true, "generation 2 serves" }, { reload() })
      assert.equal("two two", ask "/")
      assert.same({ true, "generation 3 serves" }, { reload() })
    end)

    it("tells who asked why it could not", function()
      start "serve"
      write("version.lua", "error 'no such luck'")
      local ok, said = reload()
      assert.is_false(ok)
      assert.matches("generation 1 goes on: " .. dir .. "/version.lua:1: no such luck", said, 1, true)
      assert.equal("one one", ask "/")
      local status = shell.run(("%s status --host 127.0.0.1 --port %d"):format(rille, running.port))
      assert.matches("the last reload failed: " .. dir .. "/version.lua:1: no such luck", status, 1, true)
    end)

    -- A new version that takes its process along, the first time that it is loaded.
    local function write_deadly()
      write("version.lua", ([[
local ffi = require "ffi"
ffi.cdef "void _exit(int status);"
if io.open(%q) then return "two" end
io.open(%q, "w"):close()
ffi.C._exit(7)]]):format(dir .. "/met", dir .. "/met"))
    end

    it("tells who asked that the server has ended over it", function()
      start "serve"
      write_deadly()
      local ok, said = reload()
      assert.is_false(ok)
      assert.equal("rille reload: the server has ended meanwhile: its log says why", said:match "[^\n]*$")
    end)

    it("tells who asked that another process serves since", function()
      start("serve", nil, true)
      write_deadly()
      local ok, said = reload()
      assert.is_true(ok, said)
      assert.matches("^process %d+ serves: the one that was told to reload has ended$", said)
      assert.equal("two two", ask "/")
    end)

    it("reads the settings again, and refuses wrong ones", function()
      start "serve"
      shell.run("mkdir " .. dir .. "/config")
      write("config/development.lua", "return { max_bdoy = 1 }")
      local ok, said = reload()
      assert.is_false(ok)
      assert.matches("unknown setting 'max_bdoy'", said, 1, true)
    end)
  end)
end)
