--- A line of waiting tasks, first come first served: the ground under channels, locks and pools.
--
-- Whoever waits brings a value, and whoever wakes him gives him one; both are handed
-- over in that moment, although the woken task runs later. The lines are core/vm/line.c.
local core = require "rille.core"
local wait = require "rille.wait"

local PARK, line_wait, won = core.PARK, core.line_wait, wait.won

local line = {
  --- line.new() gives an empty one.
  new = core.line,

  --- line.wake(head) wakes who has waited longest.
  -- @treturn boolean whether somebody waited
  -- @return what he brought
  wake = core.line_wake,

  --- line.give(head, value) wakes who has waited longest, and he has the value.
  -- @treturn boolean whether somebody waited
  give = core.line_give,

  --- line.wake_all(head) wakes all who wait.
  wake_all = core.line_wake_all,

  --- line.first(head) looks who has waited longest.
  -- @treturn boolean whether somebody waits
  -- @return what he brings
  first = core.line_first,
}

--- Wait in a line. **Yields.**
-- @tparam line head
-- @param value what it brings
-- @tparam[opt] number ms how long at most
-- @treturn boolean whether it was woken; false: the time has passed
-- @return what it was given
-- @raise the cancellation of the task
function line.stand(head, value, ms)
  local case, gift = line_wait(head, ms, PARK, value)
  if case == 1 then
    return true, gift
  end
  won(case)
  return false
end

--- Wait in several lines until one of them wakes. **Yields.**
-- @tparam {line,...} heads
-- @tparam table values what it brings to each
-- @tparam[opt] number ms how long at most
-- @treturn integer|nil which woke it; nil: the time has passed
-- @return what it was given
-- @raise the cancellation of the task
function line.stand_in_any(heads, values, ms)
  local case, gift = core.line_wait_any(heads, ms, PARK, values)
  if won(case) > #heads then
    return nil
  end
  return case, gift
end

return line
