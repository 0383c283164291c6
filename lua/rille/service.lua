--- Services: background tasks that app:on_start begins. They work for the app as a whole,
-- so they end when its next generation takes over.
local core = require "rille.core"

local service = {}

local services = setmetatable({}, { __mode = "k" })
local maker -- the task that runs on_start; nil when none does

--- Background tasks of the current task are services, until `done`.
function service.begin()
  maker = core.here()
end

function service.done()
  maker = nil
end

--- A background task began.
function service.note(task)
  services[task] = maker ~= nil and core.here() == maker or nil
end

--- Cancel them all.
function service.end_all()
  for task in pairs(services) do
    task:cancel()
  end
end

return service
