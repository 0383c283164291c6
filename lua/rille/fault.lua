--- What becomes of a request whose handler failed.
local compose = require "rille.compose"
local Context = require "rille.context"
local deadlock = require "rille.deadlock"
local place = require "rille.place"
local report = require "rille.report"

local fault = {}

--- The function that C calls with a failed request; it answers as a handler does.
-- @tparam table routes by their numbers
-- @tparam App app whose on_error and on_response hold where no route is known
function fault.handler(routes, app)
  return function(slot, epoch, err, co, number)
    local route = routes[number]
    local c = Context.recall(slot, epoch, route and route.apps[#route.apps] or app)
    local name = route and route.method .. " " .. route.path
    local happened = {
      what = "fault in " .. (route and ("%s (%s)"):format(name, route.at) or "a request"), route = name,
      at = route and place.of(route.handler), request_id = c.request_id,
    }
    local shown = report.shown(deadlock.explained(slot, epoch, err), happened, co)
    return compose.answer_error(c, shown, route and route.apps or { app })
  end
end

return fault
