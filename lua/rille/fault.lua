--- What becomes of a request whose handler failed.
local core = require "rille.core"
local errors = require "rille.error"

local fault = {}

local is_development = core.settings and core.settings.env == "development"

local function is_shown(err)
  return err.is_public or err.status < 500 or err.status == 503 or err.status == 504
end

local function error_body(err, request_id)
  return { error = { code = err.code, message = err.message, details = err.details, request_id = request_id } }
end

-- Anything but a public error table: the answer says nothing of the inside.
local function internal(err, request_id)
  local message = "internal error"
  if is_development then
    message = tostring(err)
  end
  return { error = { code = "internal", message = message, request_id = request_id } }
end

local function report(slot, epoch, err, co, route)
  local where = route and ("%s %s (%s)"):format(route.method, route.path, route.where) or "?"
  core.log("error", "fault in " .. where, "error", tostring(err), "request_id", core.request_id(slot, epoch), "trace",
    co and debug.traceback(co) or nil)
end

--- The function that C calls with a failed request; it answers as a handler does.
-- @tparam table routes by their numbers
function fault.handler(routes)
  return function(slot, epoch, err, co, number)
    if errors.is(err) then
      if is_shown(err) then
        if err.status >= 500 and err.detail then
          core.log("error", err.message, "error", err.detail, "request_id", core.request_id(slot, epoch))
        end
        return error_body(err, core.request_id(slot, epoch)), err.status, err.headers
      end
      report(slot, epoch, err, co, routes[number])
      return internal(err, core.request_id(slot, epoch)), err.status
    end
    report(slot, epoch, err, co, routes[number])
    return internal(err, core.request_id(slot, epoch)), 500
  end
end

return fault
