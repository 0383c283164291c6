--- For whom something is asked: the request that runs here, or the one that a task of the app's own acts for.
--
-- What several wait for belongs to none of them, and runs in a task of the app's. Its statements
-- count as those of the request that began it all the same, and are the line's that began it.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"

local behalf = {}

local acting = {} -- { slot, epoch, at } by what core.here() calls the tasks

--- The request that this task's statements are for.
-- @treturn ?integer slot nil outside of requests
-- @treturn ?integer epoch
function behalf.here()
  local slot, epoch = core.request_here(true)
  if slot or next(acting) == nil then
    return slot, epoch
  end
  local one = acting[core.here()]
  if one then
    return one.slot, one.epoch
  end
end

--- The id of that request.
-- @treturn ?string nil outside of requests, and when the one that something was begun for is over
function behalf.request_id()
  local slot, epoch = behalf.here()
  local ok, id = pcall(core.request_id, slot, epoch)
  return slot and ok and id or nil
end

local function ended(here, ...)
  acting[here] = nil
  return errors.rethrow(...)
end

--- The app's line that this task's statements are for.
-- @treturn ?string
function behalf.place()
  local at = place.nearest()
  local one = not at and acting[core.here()]
  return at or one and one.at or nil
end

--- Who is here, for `behalf.run` in another task.
-- @treturn table
function behalf.whom()
  local slot, epoch = behalf.here()
  return { slot = slot, epoch = epoch, at = behalf.place() }
end

--- Run `fn(...)` for somebody. **Yields** if `fn` does.
-- @tparam table whom
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function behalf.run(whom, fn, ...)
  local here = core.here()
  acting[here] = whom
  return ended(here, pcall(fn, ...))
end

return behalf
