--- What every wait does when it comes back.
-- A primitive that waits returns the number of the event that ended it; 0 is
-- the cancellation of the task's scope, and must be raised at once: a wait that
-- merely returned it would make `while true do ch:recv() end` spin for ever.
local core = require "rille.core"
local errors = require "rille.error"

local wait = {}

-- What one wait raises that nothing can end any more, or nil.
local stuck

--- Have the task raise `err` that C wakes next although its wait is not over.
-- @param err
-- @local
function wait.set_stuck(err)
  stuck = err
end

local function why()
  local scope = core.why()
  if not scope and stuck then
    local err = stuck
    stuck = nil
    return err
  end
  return scope == "timeout" and errors.TIMEOUT or errors.CANCELLED
end

--- Hand on the case that won; raise when it was the cancellation.
-- @tparam integer case what the primitive returned
-- @treturn integer the same
-- @raise the `timeout` or `cancelled` error; `deadlock` (rille.deadlock)
function wait.won(case)
  if case == 0 then
    error(why(), 0)
  end
  return case
end

return wait
