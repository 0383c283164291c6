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
end)
