--- Names that somebody does not have.
local elsewhere = require "rille.elsewhere"
local slip = require "rille.slip"

describe("slip", function()
  it("names what was meant, what it is called here, or all there is", function()
    local names = { "await", "cancel" }
    assert.equal("task has no 'awiat': did you mean 'await'?", (slip.text("task", "awiat", names, "task")))
    assert.equal("task has no 'Join': " .. elsewhere.task.join, (slip.text("task", "Join", names, "task")))
    assert.equal("task has no 'x': there are await, cancel", (slip.text("task", "x", names)))
    assert.is_true(select(2, slip.text("task", "join", names, "task")))
  end)

  it("guards a class, but for what its objects may lack", function()
    local Cup = { fill = function() return "full" end }
    Cup.__index = Cup
    slip.guard(Cup, "a cup", "fill", "lid")
    local cup = setmetatable({ size = 2 }, Cup)
    assert.same({ 2, "full" }, { cup.size, cup:fill() })
    assert.is_nil(cup.lid)
    assert.is_nil(Cup.__call)
    local ok, why = pcall(function() return cup.sise end)
    assert.is_false(ok)
    assert.matches("^spec/rille/slip_spec.lua:%d+: a cup has no 'sise': there are fill$", why)
  end)
end)

describe("elsewhere", function()
  it("speaks of names that are not ours, in lower case", function()
    local ours = { app = require("rille").app(), db = require("rille").db }
    for who, hints in pairs(elsewhere) do
      for name, hint in pairs(hints) do
        assert.equal(name:lower(), name)
        assert.is_string(hint)
        if ours[who] then
          assert.is_false((pcall(function() return ours[who][name] end)), who .. "." .. name)
        end
      end
    end
  end)
end)
