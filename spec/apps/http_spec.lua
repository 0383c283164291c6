--- HTTP/1.1 as RFC 9110 and 9112 have it, through a real socket: the cases of
-- spec/apps/http, each played in several cuts, and what only a clock can show.

local exchange = require "spec.apps.http.exchange"
local server = require "spec.server"
local socket = require "socket"
local wire = require "spec.wire"

local tables = {
  ["request line"] = require "spec.apps.http.request_line",
  ["method"] = require "spec.apps.http.method",
  ["target"] = require "spec.apps.http.target",
  ["Host"] = require "spec.apps.http.host",
  ["header"] = require "spec.apps.http.header",
  ["Content-Length"] = require "spec.apps.http.length",
  ["Transfer-Encoding"] = require "spec.apps.http.transfer",
  ["chunked coding"] = require "spec.apps.http.chunk",
  ["limit"] = require "spec.apps.http.limit",
  ["Expect"] = require "spec.apps.http.expect",
  ["connection"] = require "spec.apps.http.connection",
  ["pipeline"] = require "spec.apps.http.pipeline",
  ["answer"] = require "spec.apps.http.answer",
}

-- One worker: the exchange relies on it.
local function start(...)
  local args = { "--workers", "1", "--env", "production", "--stop-delay", "0", ... }
  return server.start{ app = "spec/apps/fixture", args = args }
end

describe("HTTP", function()
  local running, play

  setup(function()
    running = start("--max-body", "64K", "--header-timeout", "60s", "--body-timeout", "60s") -- byte by byte takes its time
    play = exchange.new(running.port)
  end)

  teardown(function()
    play:close()
    local status, log = running:stop()
    assert.equal(0, status, log)
  end)

  for name, cases in pairs(tables) do
    describe(name, function()
      for _, one in ipairs(cases) do
        it(one[1], function()
          local wrong = play:run(one)
          if wrong then error(wrong, 0) end
        end)
      end
    end)
  end

  it("lets a client that is refused send all it has before it reads why", function()
    local conn = wire.connect(running.port)
    conn.sock:settimeout(conn.seconds)
    assert(conn.sock:send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n" .. ("x"):rep(8000000)))
    conn.sock:settimeout(0)
    assert.equal(413, assert(conn:answer()).status)
    conn:close()
  end)
end)

describe("HTTP with a clock", function()
  local running, quiet_descriptors

  setup(function()
    -- Short for a spec, and long for a machine that lets it wait between two requests.
    running = start("--header-timeout", "300ms", "--body-timeout", "300ms", "--keepalive-timeout", "1s",
      "--write-timeout", "1s", "--half-close-grace", "300ms")
    local conn = wire.connect(running.port)
    conn:send(wire.get("/"))
    assert(conn:answer())
    quiet_descriptors = running:descriptors() - 1
    conn:close()
  end)

  teardown(function()
    local status, log = running:stop()
    assert.equal(0, status, log)
  end)

  local function assert_all_gone()
    local gone = server.wait_for(function() return running:descriptors() <= quiet_descriptors end)
    assert.truthy(gone, "the server still holds a connection")
  end

  -- A connection that the server is known to hold: it has answered.
  local function connected()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/"))
    assert.equal("hello", assert(conn:answer()).body)
    return conn
  end

  -- Send one byte of `bytes` after the other, 50 ms apart, until something comes back.
  local function trickle(conn, bytes)
    for i = 1, #bytes do
      conn:send(bytes:sub(i, i))
      if #socket.select({ conn.sock }, nil, 0.05) > 0 then return end
    end
  end

  local function assert_408(conn)
    local answer = assert(conn:answer())
    assert.equal(408, answer.status)
    assert.equal("close", answer.headers.connection)
    assert.equal("", conn:rest())
  end

  it("closes a connection that says nothing", function()
    local conn = wire.connect(running.port)
    local rest = assert(conn:rest())
    assert.truthy(rest == "" or rest:find("^HTTP/1.1 408 "))
  end)

  it("answers 408 to half a head", function()
    local conn = wire.connect(running.port)
    conn:send("GET / HTTP/1.1\r\nHost: x\r\nX-A")
    assert_408(conn)
  end)

  it("answers 408 to a head that trickles in", function()
    local conn = wire.connect(running.port)
    trickle(conn, wire.get("/", "X-A: " .. ("a"):rep(100)))
    assert_408(conn)
  end)

  it("answers 408 to half a body", function()
    local conn = wire.connect(running.port)
    conn:send("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    assert_408(conn)
  end)

  it("answers 408 to half a chunk", function()
    local conn = wire.connect(running.port)
    conn:send(wire.chunked("/body", "5\r\nhe"))
    assert_408(conn)
  end)

  it("answers 408 to half a request behind a good one", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/") .. "GET /pa")
    assert.equal("hello", assert(conn:answer()).body)
    assert_408(conn)
  end)

  it("closes an idle connection without a word", function()
    assert.equal("", connected():rest())
  end)

  it("does not count a handler's time as the client's", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/sleep/1500"))
    assert.equal("slept", assert(conn:answer()).body)
  end)

  it("keeps a connection that is used", function()
    local conn = wire.connect(running.port)
    for _ = 1, 8 do -- which is longer than any of the times above
      conn:send(wire.get("/sleep/200"))
      assert.equal("slept", assert(conn:answer()).body)
    end
  end)

  it("answers 408 to a body that trickles in", function()
    local conn = wire.connect(running.port)
    local request = wire.post("/body", ("a"):rep(100))
    conn:send(request:sub(1, -101))
    trickle(conn, request:sub(-100))
    assert_408(conn)
  end)

  it("resets a client that never reads", function()
    assert_all_gone()
    local conn = connected()
    conn:send(wire.get("/big"):rep(64))
    assert_all_gone()
    local rest = assert(conn:rest())
    assert.truthy(#rest < 64 * 1048576)
  end)

  it("ends a handler whose client has half-closed, after the grace", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/sleep/60000"))
    conn:half_close()
    assert.truthy(conn:rest())
  end)

  it("ends a handler whose client has reset", function()
    assert_all_gone()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/") .. wire.get("/sleep/60000"))
    assert.equal("hello", assert(conn:answer()).body)
    conn:reset()
    assert_all_gone()
  end)
end)

describe("a server", function()
  local function assert_ends_well(running, signal)
    local status, log = running:stop(signal)
    assert.equal(0, status, log)
  end

  it("ends with status 0 when it is told to", function()
    local running = start()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/"))
    assert.equal("hello", assert(conn:answer()).body)
    assert_ends_well(running)
  end)

  it("finishes what it has begun", function()
    local running = start()
    local conn = wire.connect(running.port)
    local request = wire.post("/body", "begun")
    conn:send(wire.get("/") .. request:sub(1, -2))
    assert.equal("hello", assert(conn:answer()).body)
    os.execute("kill -TERM " .. running.pid)
    assert.truthy(server.wait_for(function() return not socket.connect("127.0.0.1", running.port) end))
    conn:send(request:sub(-1))
    local answer = assert(conn:answer())
    assert.equal("begun", answer.body)
    assert.equal("close", answer.headers.connection)
    assert_ends_well(running, "0") -- a second signal would end it at once
  end)
end)
