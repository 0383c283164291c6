--- The clock of an example: frozen, it stands until it is moved, or until everybody waits.
--
--     t.clock.freeze()
--     api:post("/login", { json = user })
--     t.clock.advance "30m"
--     assert.equal(401, api:get("/me").status)
--
-- Everything that waits goes by it: rille.sleep, timeouts, deadlines, the limits
-- of requests and of the database's queries; so do rille.now and rille.uptime.
-- While it is frozen, time passes in jumps: when every task waits, the clock is
-- moved to the first moment at which one of them goes on, and a sleep of an hour
-- takes no time at all. A query under way or a file being read is waited for
-- first: real work takes no frozen time. The database's own clock is its own.
--
-- The end of the example thaws it.
local core = require "rille.core"
local example = require "rille.test.example"
local unit = require "rille.unit"
local wait = require "rille.wait"

local clock = {}

local function freeze(call)
  if not example.current() then
    error(("t.clock.%s belongs inside an example: the clock goes on at its end"):format(call), 3)
  end
  core.test_freeze()
end

--- What `rille.now()` says: seconds since 1970.
-- @treturn number
function clock.now()
  return core.wall()
end

--- Have the clock stand still, until this example ends.
function clock.freeze()
  freeze "freeze"
end

--- Freeze the clock, if it is not, and move it. What comes due on the way is done
-- on the way, each thing at its own time. **Yields.**
-- @tparam duration duration seconds, or "30s", "10m", "2h"
function clock.advance(duration)
  local seconds = unit.seconds(duration, 2)
  freeze "advance"
  wait.won(core.sleep(math.floor(seconds * 1000 + 0.5)))
end

return clock
