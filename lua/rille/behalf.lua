--- For which request something is asked: the one that runs here, or the one that a task of the app's own acts for.
--
-- What several wait for belongs to none of them, and runs in a task of the app's. Its statements
-- count as those of the request that began it all the same.
local core = require "rille.core"
local errors = require "rille.error"

local behalf = {}

local acting = {} -- { slot, epoch } by what core.here() calls the tasks

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

local function ended(here, ...)
  acting[here] = nil
  return errors.rethrow(...)
end

--- Run `fn(...)` for a request. **Yields** if `fn` does.
-- @tparam ?integer slot nil: for none
-- @tparam ?integer epoch
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function behalf.run(slot, epoch, fn, ...)
  if not slot then
    return fn(...)
  end
  local here = core.here()
  acting[here] = { slot = slot, epoch = epoch }
  return ended(here, pcall(fn, ...))
end

return behalf
