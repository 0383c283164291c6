--- What every wait does when it comes back.
-- A primitive that waits returns the number of the event that ended it; 0 is
-- the cancellation of the task's scope, and must be raised at once: a wait that
-- merely returned it would make `while true do ch:recv() end` spin for ever.
local core = require "rille.core"
local errors = require "rille.error"

local wait = {}

--- Hand on the case that won; raise when it was the cancellation.
-- @tparam integer case what the primitive returned
-- @treturn integer the same
-- @raise the `timeout` or `cancelled` error
function wait.won(case)
  if case == 0 then
    error(core.why() == "timeout" and errors.TIMEOUT or errors.CANCELLED, 0)
  end
  return case
end

return wait
