--- What becomes of a request whose handler failed.
local compose = require "rille.compose"
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"

local fault = {}

local is_development = core.settings and core.settings.env == "development"

local function is_shown(err)
  return err.is_public or err.status < 500 or err.status == 503 or err.status == 504
end

local function report(c, err, co, route)
  local where = route and ("%s %s (%s)"):format(route.method, route.path, route.where) or "a request"
  core.log("error", "fault in " .. where, "error", tostring(err), "request_id", c.request_id, "trace",
    co and debug.traceback(co) or nil)
end

-- What the client may know of a fault: nothing, outside of development.
local function internal(err)
  return errors.new {
    code = "internal", status = errors.is(err) and err.status or 500,
    message = is_development and tostring(err) or "internal error", cause = err,
  }
end

local function shown(c, err, co, route)
  if not errors.is(err) or not is_shown(err) then
    report(c, err, co, route)
    return internal(err)
  end
  if err.status >= 500 and err.detail then
    core.log("error", err.message, "error", err.detail, "request_id", c.request_id)
  end
  return err
end

--- The function that C calls with a failed request; it answers as a handler does.
-- @tparam table routes by their numbers
-- @tparam App app whose on_error and on_response hold where no route is known
function fault.handler(routes, app)
  return function(slot, epoch, err, co, number)
    local route = routes[number]
    local c = Context.recall(slot, epoch, app)
    return compose.answer_error(c, shown(c, err, co, route), route and route.apps or { app })
  end
end

return fault
