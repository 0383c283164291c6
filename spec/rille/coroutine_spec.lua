--- Coroutines of the user's own, in which Rille's calls wait.
local rille = require "rille"

describe("coroutine.wrap", function()
  it("lets a generator wait between its values", function()
    local values = {}
    for value in coroutine.wrap(function()
      for i = 1, 3 do
        rille.sleep(0)
        coroutine.yield(i)
      end
    end) do
      values[#values + 1] = value
    end
    assert.same({ 1, 2, 3 }, values)
  end)

  it("waits through two of them", function()
    local outer = coroutine.wrap(function()
      local inner = coroutine.wrap(function()
        rille.sleep(0)
        coroutine.yield "inner"
        rille.sleep(0)
        return "end"
      end)
      coroutine.yield(inner())
      rille.sleep(0)
      coroutine.yield(inner())
    end)
    assert.equal("inner", outer())
    assert.equal("end", outer())
  end)

  it("hands errors out", function()
    assert.error_matches(coroutine.wrap(function()
      rille.sleep(0)
      error("from inside")
    end), "from inside")
  end)
end)

describe("coroutine.resume", function()
  it("passes values both ways", function()
    local co = coroutine.create(function(a)
      local b = coroutine.yield(a + 1)
      rille.sleep(0)
      return b + 1
    end)
    assert.same({ true, 2 }, { coroutine.resume(co, 1) })
    assert.same({ true, 11 }, { coroutine.resume(co, 10) })
    assert.equal("dead", coroutine.status(co))
  end)
end)

describe("a wait where none is possible", function()
  it("says so, and names the way out", function()
    assert.error_matches(function()
      table.sort({ 3, 1, 2 }, function(a, b)
        rille.sleep(0)
        return a < b
      end)
    end, "cannot wait inside a C function's callback")
    assert.error_matches(function()
      string.gsub("x", "x", function() rille.sleep(0) end)
    end, "cannot wait inside a C function's callback")
  end)

  it("leaves the task able to wait elsewhere", function()
    pcall(table.sort, { 2, 1 }, function() rille.sleep(0) end)
    rille.sleep(0)
  end)
end)
