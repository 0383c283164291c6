--- The clock of a spec: the seam for the virtual one.
local core = require "rille.core"

local clock = {}

--- What `rille.now()` says: seconds since 1970.
-- @treturn number
function clock.now()
  return core.wall()
end

local function refuse(call)
  return function()
    error(("t.clock.%s: this build has no virtual clock yet, so a spec cannot move time. Give the code under test "
      .. "short durations, and wait for what it does"):format(call), 2)
  end
end

--- Move time on. Not possible yet: it raises, and says so.
clock.advance = refuse "advance"
--- Stop time. Not possible yet: it raises, and says so.
clock.freeze = refuse "freeze"

return clock
