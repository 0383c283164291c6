--- Bodies too long for memory: they go to files while everybody else is served.

local json = require("rille").json
local server = require "spec.server"
local wire = require "spec.wire"

local SECONDS = 60 -- for an exchange of some megabytes: a sanitized server on a busy machine takes 3
local UPLOADS = 8

-- Three megabytes of lines that say where they belong.
local function long_text(name)
  local lines = {}
  for i = 1, 3 * 1048576 / 64 do
    lines[i] = ("%-50s%13d\n"):format(name, i)
  end
  return table.concat(lines)
end

local function chunk(text)
  return ("%x\r\n%s\r\n"):format(#text, text)
end

describe("a body longer than memory", function()
  local running, quiet_descriptors

  setup(function()
    running = server.start{ app = "spec/apps/fixture", args = {
      "--workers", "1", "--env", "production", "--stop-delay", "0", "--max-body", "16M", "--max-body-memory", "64K",
      "--body-spool", "48M" } }
    local conn = wire.connect(running.port)
    assert(conn:send(wire.get("/")))
    assert(conn:answer())
    quiet_descriptors = running:descriptors() - 1
    conn:close()
  end)

  teardown(function()
    local status, log = running:stop()
    assert.equal(0, status, log)
  end)

  local function is_answered()
    local conn = wire.connect(running.port)
    assert(conn:send(wire.get("/")))
    local answer = assert(conn:answer())
    conn:close()
    return answer.body == "hello"
  end

  it("comes back as it was sent, by length and in chunks", function()
    local text = long_text("one")
    local conn = wire.connect(running.port, SECONDS)
    assert(conn:send(wire.post("/body", text)))
    assert.is_true(assert(conn:answer()).body == text)
    local chunks = chunk(text:sub(1, 100)) .. chunk(text:sub(101, 2000000)) .. chunk(text:sub(2000001)) .. chunk ""
    assert(conn:send(wire.chunked("/body", chunks)))
    assert.is_true(assert(conn:answer()).body == text)
    assert(conn:send(wire.get("/after")))
    assert.equal("after", assert(conn:answer()).body)
    conn:close()
  end)

  it("is decoded as JSON", function()
    local list = {}
    for i = 1, 30000 do
      list[i] = i
    end
    local conn = wire.connect(running.port, SECONDS)
    assert(conn:send(wire.post("/json", json.encode(list), "Content-Type: application/json")))
    assert.same({ got = list }, json.decode(assert(conn:answer()).body))
    conn:close()
  end)

  it("shares disk and threads with others of its kind", function()
    local conns, texts = {}, {}
    for i = 1, UPLOADS do
      conns[i], texts[i] = wire.connect(running.port, SECONDS), long_text("upload " .. i)
      assert(conns[i]:send(wire.post("/body", texts[i]):sub(1, -2))) -- all but a byte
      assert.is_true(is_answered())
    end
    for i = 1, UPLOADS do
      assert(conns[i]:send(texts[i]:sub(-1)))
    end
    assert.is_true(is_answered())
    for i = 1, UPLOADS do
      assert.is_true(assert(conns[i]:answer()).body == texts[i])
      conns[i]:close()
    end
  end)

  it("is refused with 507 beyond the quota of files, which is given back", function()
    local conns, half = {}, ("x"):rep(14 * 1048576)
    for i = 1, 3 do
      conns[i] = wire.connect(running.port, SECONDS)
      assert(conns[i]:send(wire.post("/body", half):sub(1, -2)))
    end
    assert.is_true(is_answered())
    local conn = wire.connect(running.port, SECONDS)
    local _ = conn:send(wire.post("/body", half)) -- cut short by the answer
    assert.equal(507, assert(conn:answer()).status)
    conn:close()
    for i = 1, 3 do
      conns[i]:reset()
    end
    assert.is_true(is_answered())
    local closed = server.wait_for(function() return running:descriptors() <= quiet_descriptors end)
    assert.truthy(closed, ("%d descriptors instead of %d"):format(running:descriptors(), quiet_descriptors))
    conn = wire.connect(running.port, SECONDS)
    assert(conn:send(wire.post("/body", half)))
    assert.equal(#half, #assert(conn:answer()).body)
    conn:close()
  end)

  it("may be broken off at any moment", function()
    local text = long_text("broken")
    for _, part in ipairs{ 1, 60000, 70000, 500000, #text } do
      for _ = 1, 4 do
        local conn = wire.connect(running.port, SECONDS)
        assert(conn:send(wire.post("/body", text):sub(1, part + 50)))
        conn:reset()
      end
    end
    assert.is_true(is_answered())
    local closed = server.wait_for(function() return running:descriptors() <= quiet_descriptors end)
    assert.truthy(closed, ("%d descriptors instead of %d"):format(running:descriptors(), quiet_descriptors))
  end)
end)
