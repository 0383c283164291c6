--- Handlers that take more memory than there is. Each fails alone: its worker lives, is
-- well again after a while, and serves the others as before.

local core = require "rille.core"
local server = require "spec.server"
local wire = require "spec.wire"

local CEILING = "16M"
local TIMES = 3 -- the first ones compile the loops, the next ones are at once in machine code
local AT_ONCE = 3
local ANSWER_SECONDS = 60 -- a sanitizer build on a busy machine takes its time
local WELL_SECONDS = 60 -- the collector is not let run all the time: others want their turn

describe("with little memory", function()
  local running

  setup(function()
    running = server.start{
      app = "spec/apps/memory", args = { "--workers", "1", "--vm-memory", CEILING, "--no-access-log" } }
  end)

  teardown(function()
    local status, log = running:stop()
    assert.equal(0, status, log)
  end)

  local function ask(path)
    local conn = wire.connect(running.port, ANSWER_SECONDS)
    assert(conn:send(wire.get(path, "Connection: close")))
    local answer = assert(conn:answer())
    conn:close()
    return answer
  end

  -- What a worker refuses for want of memory it lets in soon after; then the status is this one.
  local function assert_let_in(path, status)
    local is_let_in = server.wait_for(function()
      local answer = ask(path)
      if answer.status == 503 then return false end
      assert.equal(status, answer.status)
      return true
    end, WELL_SECONDS)
    assert.is_true(is_let_in, "its worker still refuses")
  end

  local function assert_well() assert_let_in("/", 200) end

  -- Some clients at once, again and again.
  local function attack(path)
    for _ = 1, TIMES do
      local conns = {}
      for i = 1, AT_ONCE do
        conns[i] = wire.connect(running.port, ANSWER_SECONDS)
        assert(conns[i]:send(wire.get(path, "Connection: close")))
      end
      for i = 1, AT_ONCE do
        local answer = assert(conns[i]:answer())
        conns[i]:close()
        assert.is_true(answer.status == 200 or answer.status == 500 or answer.status == 503, path .. ": " .. answer.status)
      end
    end
  end

  it("every way to eat it up leaves a worker that is well soon after", function()
    for _, name in ipairs(core.json_decode(ask("/names").body)) do
      attack("/" .. name)
      assert.is_true(running:is_running(), name)
      assert_well()
    end
  end)

  it("a fault for want of memory is logged with its route", function()
    assert_let_in("/tables", 500)
    assert.is_truthy(server.wait_for(function()
      return running:log():find('fault in GET /tables .-error="not enough memory"')
    end, ANSWER_SECONDS))
    assert_well()
  end)

  it("what is raised in machine code is a lack of memory as well", function()
    for _ = 1, 5 do
      assert_well()
      assert_let_in("/leap", 500) -- well or not, it may have too little left to let one in
    end
    assert.is_truthy(server.wait_for(function() return running:log():find "fault in GET /leap " end, ANSWER_SECONDS))
    for error in running:log():gmatch("fault in GET /leap .-error=(%b\"\")") do
      assert.equal('"not enough memory"', error)
    end
    assert_well()
  end)
end)
