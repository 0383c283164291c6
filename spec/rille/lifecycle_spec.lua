--- The order of app:on_start and app:on_stop, and what one that fails means.
local clock = require "rille.test.clock"
local core = require "rille.core"
local lifecycle = require "rille.lifecycle"
local rille = require "rille"

local log = core.log

describe("the lifecycle", function()
  local ran, lines

  local function note(text)
    return function() ran[#ran + 1] = text end
  end

  before_each(function()
    ran, lines = {}, {}
    core.log = function(level, message, key, value, ...)
      lines[#lines + 1] = table.concat({ level, message, key, value, key == "made_at" and table.concat({ ... }, " ") or nil }, " ")
    end
  end)

  after_each(function()
    core.log = log
    lifecycle "stop" -- which forgets them
  end)

  it("runs the hooks in their order, of the outer app first", function()
    lifecycle.add {
      { start_hooks = { note "start 1", note "start 2" }, stop_hooks = { note "stop 1" } },
      { start_hooks = { note "inner start" }, stop_hooks = { note "inner stop" } },
    }
    lifecycle "start"
    lifecycle "stop"
    assert.same({ "start 1", "start 2", "inner start", "stop 1", "inner stop" }, ran)
  end)

  it("does not begin to serve when a start fails", function()
    lifecycle.add { { start_hooks = { function() error { code = "db.08006" } end, note "later" }, stop_hooks = {} } }
    local ok, err = pcall(lifecycle, "start")
    assert.is_false(ok)
    assert.same({ code = "db.08006" }, err)
    assert.same({}, ran)
  end)

  it("starts each app once, also one that comes later", function()
    lifecycle.add { { start_hooks = { note "first" }, stop_hooks = { note "first stops" } } }
    lifecycle "start"
    lifecycle.add { { start_hooks = { note "second" }, stop_hooks = { note "second stops" } } }
    lifecycle "start"
    lifecycle "stop"
    lifecycle "stop"
    assert.same({ "first", "second", "first stops", "second stops" }, ran)
  end)

  it("stops nothing that was not started", function()
    lifecycle.add { { start_hooks = {}, stop_hooks = { note "stop" } } }
    lifecycle "stop"
    assert.same({}, ran)
  end)

  it("gives every stop its turn, and logs those that fail", function()
    lifecycle.add {
      { start_hooks = {}, stop_hooks = { function() error("no", 0) end, note "second" } },
      { start_hooks = {}, stop_hooks = { note "inner" } },
    }
    lifecycle "start"
    lifecycle "stop"
    assert.same({ "second", "inner" }, ran)
    assert.equal(1, #lines)
    assert.matches("^error app:on_stop failed error no", lines[1])
  end)

  it("names where the app asked for what still runs when its time is over", function()
    clock.freeze()
    local line = debug.getinfo(1, "l").currentline
    local pool = rille.pool()
    local resources = rille.resources { create = function() rille.sleep(100) end, acquire_timeout = 100 }
    rille.background(rille.sleep, 100)
    rille.spawn(rille.once_for, "slow", function() rille.sleep(100) end)
    rille.spawn(resources.with, resources, print)
    for _ = 1, 2 do
      pool:submit(rille.sleep, 100)
    end
    rille.sleep "1ms" -- until all of it waits
    lifecycle "cut"
    local told = table.concat(lines, "\n")
    for at, count in pairs { [1] = 2, [2] = 1, [3] = 1, [4] = 1 } do
      assert.matches(("made_at spec/rille/lifecycle_spec.lua:%d count %d"):format(line + at, count), told, 1, true)
    end
    assert.equal(4, #lines)
  end)

  it("has nothing to do for an app that asked for nothing", function()
    lifecycle.add { { start_hooks = {}, stop_hooks = {} } }
    lifecycle "start"
    lifecycle "stop"
    assert.same({}, lines)
  end)
end)
