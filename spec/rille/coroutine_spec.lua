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
  local function wait() rille.sleep(0) end

  -- What is raised names the line and the call, what pins it, and what to write instead.
  local function refused(pinned_by, way_out, call)
    local ok, why = pcall(call)
    assert.is_false(ok)
    assert.matches("^spec/rille/coroutine_spec.lua:%d+: 'sleep' waits, and nothing can wait inside ", why)
    assert.matches(pinned_by .. ": " .. way_out, why, 1, true)
  end

  it("says so, and names the way out", function()
    local sort = table.sort
    local function compare(a, b)
      pcall(wait)
      wait()
      return a < b
    end
    refused("table.sort", "read what the order needs first, then sort", function() table.sort({ 3, 1, 2 }, compare) end)
    refused("table.sort", "read what", function() sort({ 3, 1, 2 }, compare) end)
    local ok, why = pcall(table.sort, { 2, 1 }, function() return rille.sleep(0) end) -- of which no frame is left
    assert.same({ false, "table.sort" }, { ok, why:match "this call waits, and nothing can wait inside ([^:]*):" })
    refused("string.gsub", "go through string.gmatch", function() return (("x"):gsub("x", wait)) end)
    local shown = setmetatable({}, { __tostring = wait })
    refused("string.format", "make the text with tostring first", function() return ("%s"):format(shown) end)
    refused("a callback of C", "wait before it or behind it", function() require("ffi").cast("void (*)(void)", wait)() end)
  end)

  it("names the call as the app made it", function()
    local ok, why = pcall(table.sort, { 2, 1 }, function() local all = rille.all { wait } return all end)
    assert.is_false(ok)
    assert.matches("^spec/rille/coroutine_spec.lua:%d+: 'all' waits", why)
  end)

  it("is possible in what Lua calls itself", function()
    local object = setmetatable({}, {
      __index = function(_, key) wait() return key end, __add = function() wait() return 7 end,
      __tostring = function() wait() return "an object" end,
    })
    assert.same({ "name", 7, "an object" }, { object.name, object + 1, tostring(object) })
    local count = 0
    for value in function() wait() count = count + 1 return count < 3 and count or nil end do assert.equal(count, value) end
    assert.same({ true, "behind" }, { pcall(function() wait() return "behind" end) })
    assert.same({ true, "behind" }, { xpcall(function() wait() return "behind" end, debug.traceback) })
  end)

  it("leaves the task able to wait elsewhere", function()
    pcall(table.sort, { 2, 1 }, function() rille.sleep(0) end)
    rille.sleep(0)
  end)
end)
