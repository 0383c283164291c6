--- What `rille serve` says when it cannot start: one line, and its exit status.
local lfs = require "lfs"
local shell = require "spec.shell"
local server = require "spec.server"
local socket = require "socket"

-- Run `rille` with `words`; returns the exit status and what it printed.
local function rille(words, env)
  local pipe = io.popen(("env %s timeout 60 %s %s 2>&1; echo $?"):format(env or "", shell.rille(), words))
  local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return tonumber(status), text
end

local function assert_refused(status, expected, words, env)
  local got, text = rille(words, env)
  assert.equal(expected, (text:gsub("\n$", "")))
  assert.equal(status, got)
end

describe("rille", function()
  local dir, app

  setup(function()
    dir = os.tmpname()
    os.remove(dir)
    lfs.mkdir(dir)
    lfs.mkdir(dir .. "/config")
    app = shell.quoted(dir)
  end)

  teardown(function()
    os.execute("rm -rf " .. shell.quoted(dir))
  end)

  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  it("names the line of a syntax error", function()
    write("app.lua", "local x = = 1\n")
    assert_refused(1, ("rille: %s/app.lua:1: unexpected symbol near '='"):format(dir), "serve --port 0 " .. app)
  end)

  it("names the line of an error while the app loads", function()
    write("app.lua", "local t\n\nreturn t.x\n")
    assert_refused(1, ("rille: %s/app.lua:3: attempt to index local 't' (a nil value)"):format(dir), "serve --port 0 " .. app)
  end)

  it("names the line of a load that would never end", function()
    write("app.lua", "local n = 0\nwhile true do n = n + 1 end\n")
    assert_refused(1, ("rille: %s/app.lua:2: the app has been busy loading for longer than load_timeout"):format(dir),
      "serve --port 0 --load-timeout 500ms " .. app)
  end)

  it("names both lines of two routes that are one", function()
    write("app.lua", 'local app = require("rille").app()\napp:get("/a/:x", print)\napp:get("/a/:y", print)\nreturn app\n')
    local status, text = rille("serve --port 0 " .. app)
    assert.equal(1, status)
    assert.matches(dir .. "/app.lua:3", text, 1, true)
    assert.matches(dir .. "/app.lua:2", text, 1, true)
  end)

  it("wants the app returned", function()
    write("app.lua", 'require("rille").app()\n')
    assert_refused(1, ("rille: %s/app.lua returned nothing: its last line must be `return app`"):format(dir),
      "serve --port 0 " .. app)
  end)

  it("refuses a global", function()
    write("app.lua", "x = 1\n")
    assert_refused(1, ("rille: %s/app.lua:1: assigning the global 'x': write `local x`"):format(dir), "serve --port 0 " .. app)
  end)

  it("says that there is no app", function()
    assert_refused(1, "rille: there is no /nowhere/app.lua: APP is a folder with an app.lua in it", "serve /nowhere")
  end)

  it("says that the port is taken", function()
    local taken = assert(socket.bind("127.0.0.1", 0))
    local _, port = taken:getsockname()
    assert_refused(1, ("rille: cannot listen on 127.0.0.1:%d: the port is in use by another program"):format(port),
      "serve apps/hello --port " .. port)
    taken:close()
  end)

  it("does not share a port with another Rille", function()
    local first = server.start { app = "apps/hello" }
    finally(function() first:stop() end)
    assert_refused(1, ("rille: cannot listen on 127.0.0.1:%d: the port is in use by another program"):format(first.port),
      "serve apps/hello --port " .. first.port)
  end)

  it("says that the database cannot be reached", function()
    local status, text = rille("serve apps/hello --port 0", "DATABASE_URL=postgres://127.0.0.1:1/none")
    assert.equal(1, status)
    assert.matches("^rille: database_url: cannot connect to the database, nothing was done: [^\n]*refused[^\n]*\n$", text)
  end)

  it("names an unknown setting, and the one that was meant", function()
    assert_refused(1, "unknown flag --max-bdoy: did you mean --max-body?", "serve apps/hello --max-bdoy 1M")
    write("app.lua", 'return require("rille").app()\n')
    write("config/test.lua", "return {\n  max_bdoy = '1M',\n}\n")
    assert_refused(1, ("rille: unknown setting 'max_bdoy' in %s/config/test.lua:2: did you mean 'max_body'?"):format(dir),
      "serve --env test --port 0 " .. app)
  end)

  it("tells wrong usage by status 2", function()
    assert.equal(2, (rille "serve"))
    assert.equal(2, (rille "sevre"))
    assert.equal(2, (rille ""))
  end)

  it("serves, and ends when told, although nobody reads its stderr", function()
    write("app.lua", 'local app = require("rille").app()\napp:get("/", function() return "hello" end)\nreturn app\n')
    local taken = assert(socket.bind("127.0.0.1", 0))
    local _, port = taken:getsockname()
    taken:close()
    local pipe = shell.quoted(dir .. "/pipe")
    local waiter = io.popen(("mkfifo %s; exec 3<>%s; dd if=/dev/zero of=%s oflag=nonblock bs=4096 2>/dev/null\n"
      .. "%s serve --port %d --stop-delay 0 %s 2>&3 & server=$!; echo $server\n"
      .. "(sleep 120; kill -KILL $server) >/dev/null 2>&1 & wait $server; echo $?; kill $!"):format(pipe, pipe, pipe,
      shell.rille(), port, app))
    local pid = waiter:read("*l")
    local conn = server.wait_for(function() return socket.connect("127.0.0.1", port) end)
    assert.truthy(conn, "it does not listen")
    conn:settimeout(60)
    conn:send("GET / HTTP/1.0\r\n\r\n")
    assert.matches("hello", (conn:receive("*a")), 1, true)
    os.execute("kill " .. pid)
    assert.equal("0", waiter:read("*l"))
    waiter:close()
  end)
end)

describe("the log", function()
  it("has one JSON line for each request in production", function()
    local running = server.start { app = "apps/hello", args = { "--env", "production" } }
    local conn = assert(socket.connect("127.0.0.1", running.port))
    conn:send "GET /?a=\"b\" HTTP/1.1\r\nHost: x\r\nUser-Agent: a\tb\"c\r\nConnection: close\r\n\r\n"
    assert.matches("^HTTP/1.1 400", conn:receive "*a")
    conn = assert(socket.connect("127.0.0.1", running.port))
    conn:send "GET /?a=b HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"c\r\nConnection: close\r\n\r\n"
    assert.matches("^HTTP/1.1 200", conn:receive "*a")
    local _, text = running:stop()
    local lines = {}
    for line in text:gmatch "[^\n]+" do
      if line:find('"msg":"request"', 1, true) then
        lines[#lines + 1] = require("rille.core").json_decode(line)
      end
    end
    assert.equal(2, #lines)
    assert.equal(400, lines[1].status)
    local line = lines[2]
    assert.same({ "GET", "/?a=b", "/", 200, 13, "127.0.0.1", 'a"c' },
      { line.method, line.path, line.route, line.status, line.bytes, line.address, line.agent })
    assert.matches("^%x+$", line.request_id)
    assert.is_true(line.ms >= 0)
  end)
end)
