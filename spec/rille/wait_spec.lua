--- A wait that was cancelled raises: one that returned it would spin.
local core = require "rille.core"
local errors = require "rille.error"
local rille = require "rille"
local wait = require "rille.wait"

describe("a wait", function()
  it("hands on the case that won", function()
    assert.equal(1, wait.won(1))
    assert.equal(7, wait.won(7))
  end)

  it("raises what ended its scope, at that wait and at each later one", function()
    local seen = {}
    local task = rille.spawn(function()
      for _ = 1, 3 do
        seen[#seen + 1] = select(2, pcall(function() wait.won(core.line_wait(core.line(), -1)) end))
      end
    end)
    rille.sleep(0)
    task:cancel()
    pcall(task.await, task)
    assert.same({ errors.CANCELLED, errors.CANCELLED, errors.CANCELLED }, seen)
  end)

  it("raises the passing of a deadline as a timeout", function()
    local ok, err = pcall(rille.timeout, "1ms", function() wait.won(core.line_wait(core.line(), -1)) end)
    assert.is_false(ok)
    assert.equal("timeout", err.code)
    assert.equal(504, err.status)
  end)

  it("refuses what is no duration, also where nobody has to wait", function()
    local channel, shared, sub = rille.channel(9), rille.shared_channel("durations", { capacity = 9 }), rille.topic("durations"):subscribe()
    local task = rille.spawn(function() end)
    rille.sleep "1ms"
    channel:send(1)
    shared:send(1)
    for name, call in pairs {
      ["mutex:lock"] = function() rille.mutex():lock "soon" end,
      ["semaphore:acquire"] = function() rille.semaphore(1):acquire "soon" end,
      ["rwlock:lock"] = function() rille.rwlock():lock "soon" end,
      ["rwlock:read_lock"] = function() rille.rwlock():read_lock "soon" end,
      ["wait_group:wait"] = function() rille.wait_group():wait "soon" end,
      ["condition:wait"] = function() rille.condition():wait "soon" end,
      ["channel:send"] = function() channel:send(1, "soon") end,
      ["channel:recv"] = function() channel:recv "soon" end,
      ["shared_channel:send"] = function() shared:send(1, "soon") end,
      ["shared_channel:recv"] = function() shared:recv "soon" end,
      ["subscription:recv"] = function() sub:recv "soon" end,
      ["select"] = function() rille.select { channel, timeout = "soon" } end,
      ["task:await"] = function() task:await "soon" end,
      ["pool:close"] = function() rille.pool():close "soon" end,
    } do
      local _, why = pcall(call)
      assert.matches("^spec/rille/wait_spec%.lua:%d+: a duration is .*: got \"soon\"$", why, name)
    end
    shared:recv() -- what is in it outlives this example
  end)
end)
