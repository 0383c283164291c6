--- Who leads, when the server stops meanwhile. What the database says of it: spec/apps/schedule_spec.lua.
local clock = require "rille.test.clock"
local db = require "rille.db"
local rille = require "rille"

describe("a leader", function()
  local open, leader, opened = db.open, nil, 0

  before_each(function()
    clock.freeze()
    local shared = package.loaded["rille.leader"]
    package.loaded["rille.leader"] = nil
    leader = require "rille.leader"
    package.loaded["rille.leader"] = shared
    opened = 0
  end)

  -- A database that takes an hour to say who has the lock.
  local function slow_database()
    finally(function() db.open = open end)
    db.open = function()
      opened = opened + 1
      local handle = {}
      function handle.hold(_, fn) fn() end
      function handle.one() rille.sleep "1h" end
      return handle
    end
  end

  it("that has resigned is none, and asks nobody", function()
    slow_database()
    leader.resign()
    assert.is_false(leader.leads "nightly")
    assert.equal(0, opened)
  end)

  it("that resigns tells so those who ask at that moment", function()
    slow_database()
    local asks = rille.spawn(leader.leads, "nightly")
    rille.sleep "1s"
    leader.resign()
    local began = rille.uptime()
    assert.is_false(asks:await())
    assert.is_true(rille.uptime() - began < 1)
    assert.equal(1, opened)
  end)
end)
