--- What runs at the end of a request or a task: all of it, in its order, once.
local cleanup = require "rille.cleanup"
local core = require "rille.core"
local rille = require "rille"

local log = core.log

describe("cleanup", function()
  local ran, lines

  local function note(...)
    ran[#ran + 1] = select("#", ...) .. ":" .. tostring((...))
  end

  before_each(function()
    ran, lines = {}, {}
    core.log = function(level, message, ...)
      local facts = { level = level, message = message }
      for i = 1, select("#", ...), 2 do
        facts[(select(i, ...))] = (select(i + 1, ...))
      end
      lines[#lines + 1] = facts
    end
  end)

  after_each(function() core.log = log end)

  it("runs what was deferred, the last first, then what comes after, in its order", function()
    local owner = {}
    cleanup.after(owner, note, "after 1")
    cleanup.add(owner, note, "deferred 1")
    cleanup.add(owner, note, "deferred 2")
    cleanup.after(owner, note, "after 2")
    cleanup.run(owner)
    assert.same({ "1:deferred 2", "1:deferred 1", "1:after 1", "1:after 2" }, ran)
  end)

  it("hands over arguments as they were, nils too", function()
    local owner = {}
    cleanup.add(owner, note, nil, nil)
    cleanup.add(owner, note)
    cleanup.run(owner)
    assert.same({ "0:nil", "2:nil" }, ran)
  end)

  it("runs each once", function()
    local owner = {}
    cleanup.add(owner, note, "x")
    cleanup.run(owner)
    cleanup.run(owner)
    cleanup.run {}
    assert.same({ "1:x" }, ran)
  end)

  it("runs the others when one fails, and logs where it did", function()
    local owner = {}
    cleanup.add(owner, note, "first")
    cleanup.add(owner, function() error "broken" end)
    cleanup.after(owner, function() error { code = "mine" } end)
    cleanup.after(owner, note, "last")
    cleanup.run(owner)
    assert.same({ "1:first", "1:last" }, ran)
    assert.equal(2, #lines)
    assert.matches("^a function given to rille.defer failed %(spec/rille/cleanup_spec.lua:%d+%)$", lines[1].message)
    assert.matches("^spec/rille/cleanup_spec.lua:%d+: broken$", lines[1].error)
    assert.matches("^%s*stack traceback:", lines[1].trace)
    assert.matches("^a function given to c:after failed %(spec/rille/cleanup_spec.lua:%d+%)$", lines[2].message)
  end)

  it("tells what was cut off that it was, by what, and what to do", function()
    local app = rille.app()
    app:get("/", function(c)
      c:after(function() rille.sleep(core.settings.request_timeout + 1) end)
      return "x"
    end)
    local t = rille.test(app)
    t.clock.freeze()
    t:client():get "/"
    rille.sleep(core.settings.request_timeout + 2)
    assert.matches("^a function given to c:after failed %(spec/rille/cleanup_spec.lua:%d+%)$", lines[1].message)
    assert.equal("c:after was cut off: what follows an answer has request_timeout (" .. core.settings.request_timeout .. " s), "
      .. "together; a task of rille.background has its own time", lines[1].error)
    assert.equal(1, #lines)
  end)

  it("runs also what is noted down while it runs", function()
    local owner = {}
    cleanup.after(owner, function()
      note "after"
      cleanup.add(owner, note, "deferred in after")
      cleanup.after(owner, note, "after in after")
    end)
    cleanup.add(owner, function()
      note "deferred"
      cleanup.add(owner, note, "deferred in deferred")
    end)
    cleanup.run(owner)
    assert.same({ "1:deferred", "1:deferred in deferred", "1:after", "1:deferred in after", "1:after in after" }, ran)
  end)

  it("holds for a task that was returned from, failed or was cancelled", function()
    local function deferring(fn)
      return function()
        rille.defer(function()
          note "deferred"
          rille.defer(note, "inside")
        end)
        fn()
      end
    end
    rille.spawn(deferring(function() end)):await()
    pcall(function() rille.spawn(deferring(function() error "x" end)):await() end)
    local task = rille.spawn(deferring(function() rille.sleep(1e6) end))
    rille.sleep(0)
    task:cancel()
    pcall(task.await, task)
    assert.same({ "1:deferred", "1:inside", "1:deferred", "1:inside", "1:deferred", "1:inside" }, ran)
    assert.same({}, lines)
  end)

  it("holds for a request, its c still readable", function()
    local app = rille.app()
    app:get("/:id", function(c)
      c:after(function()
        note("after " .. c.params.id)
        rille.defer(note, "inside")
      end)
      rille.defer(function() note("deferred " .. c.path) end)
      return "x"
    end)
    assert.equal("x", rille.test(app):client():get("/7").body)
    assert.same({ "1:deferred /7", "1:after 7", "1:inside" }, ran)
  end)
end)
