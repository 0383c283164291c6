--- Sockets that the service manager has opened, and that a server is started with.
local ffi = require "ffi"
local server = require "spec.server"
local shell = require "spec.shell"
local socket = require "socket"
local wire = require "spec.wire"

ffi.cdef "int dup(int fd); int close(int fd);"

describe("a server that is started with its sockets", function()
  -- A listening socket with a descriptor that children inherit.
  local function listening()
    local own = assert(socket.bind("127.0.0.1", 0))
    local fd = ffi.C.dup(own:getfd())
    local _, port = own:getsockname()
    own:close()
    finally(function() ffi.C.close(fd) end)
    return fd, tonumber(port)
  end

  local function launcher(fds, names)
    return ("bash spec/apps/activated.sh '%s' '%s'"):format(fds, names)
  end

  local function start(fds, names, ...)
    local running = server.start { app = "spec/apps/supervisor", supervise = true, launcher = launcher(fds, names),
      env = { DATABASE_URL = "" }, args = { "--stop-delay", "0", ... } }
    finally(function() running:stop() end)
    return running
  end

  local function process(port)
    local conn = wire.connect(port)
    conn:send(wire.get "/process")
    local answer = assert(conn:answer())
    conn:close()
    return answer.body
  end

  it("answers who came before it, and goes on when a process of it dies", function()
    local fd, port = listening()
    local early = wire.connect(port)
    early:send(wire.get "/process")
    local running = start(fd, "rille.socket", "--workers", "2")
    assert.equal(port, running.port)
    local before = assert(early:answer()).body
    early:close()
    for _ = 1, 10 do assert.equal(before, process(port)) end
    shell.run("kill -KILL " .. before)
    assert.not_equal(before, process(port))
    local status = shell.run(("%s status --host 127.0.0.1 --port %d"):format(shell.quoted(shell.rille()), port))
    assert.matches("workers 2", status, 1, true)
    assert.equal(0, (running:stop()))
    assert.is_true(wire.connect(port):close() ~= false) -- the socket is still the manager's
  end)

  it("takes only those that are called http, where some are", function()
    local other, other_port = listening()
    local fd, port = listening()
    local running = start(other .. " " .. fd, "metrics:http", "--workers", "1")
    assert.equal(port, running.port)
    assert.not_equal(other_port, running.port)
    assert.is_string(process(port))
  end)

  it("says what it cannot serve on", function()
    local function failure(fds, names, ...)
      local ok, why = pcall(start, fds, names, "--workers", "1", ...)
      assert.is_false(ok)
      return why
    end
    assert.matches("descriptor 3 was handed over (LISTEN_FDS), but is no TCP socket that listens", failure(1, "a"), 1, true)
    local one, other = listening(), listening()
    assert.matches("2 sockets were handed over for 1 workers", failure(one .. " " .. other, ""), 1, true)
  end)

  it("leaves alone what is handed to another process", function()
    local _, port = listening()
    local running = server.start { app = "spec/apps/supervisor", env = { DATABASE_URL = "", LISTEN_FDS = "1", LISTEN_PID = "1" },
      args = { "--workers", "1" } }
    finally(function() running:stop() end)
    assert.not_equal(port, running.port)
  end)
end)
