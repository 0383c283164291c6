--- What an app asked to have run when a worker begins to serve, and when it has
-- stopped: app:on_start, app:on_stop; and what is left to say when its time is up. C runs
-- this module's function at each.
local core = require "rille.core"
local gauge = require "rille.gauge"
local later = require "rille.later"
local place = require "rille.place"
local report = require "rille.report"
local service = require "rille.service"
local tasks = require "rille.task"
local schedule = later.of "rille.schedule"

-- The booted app and those mounted in it, from the outside in; several of them in
-- a spec file that tests several. Those up to `started` were told of the start.
local apps, started = {}, 0

local lifecycle = {}

--- An app that is to serve.
-- @tparam {App,...} list the app and all that are mounted in it
function lifecycle.add(list)
  for _, app in ipairs(list) do
    apps[#apps + 1] = app
  end
end

-- What is the framework's own to end, by the function that does so.
local at_stop = setmetatable({}, { __mode = "k" })

--- Have something be told that the server stops, behind the app's own app:on_stop: it keeps
-- no task any more that only waits for work.
-- @param thing is let go of when nobody else holds it
-- @tparam function fn(thing) does not wait
function lifecycle.at_stop(thing, fn)
  at_stop[thing] = fn
end

local has_schedules = false -- most apps have none: what runs them is not loaded then

local function begin_schedules(list)
  if #list > 0 then
    has_schedules = true
    schedule.begin(list)
  end
end

local function end_schedules()
  if has_schedules then
    schedule.end_all()
  end
end

local actions = {}

-- An app that cannot start keeps the worker from serving: its error is raised.
function actions.start()
  service.begin()
  while started < #apps do
    started = started + 1
    for _, hook in ipairs(apps[started].start_hooks) do
      hook()
    end
    begin_schedules(apps[started].schedules or {})
  end
  service.done()
  gauge.begin()
end

-- The next generation takes over: what on_start began, and would now run twice, ends.
function actions.end_services()
  end_schedules()
  service.end_all()
  gauge.retire()
end

-- At a stop every hook gets its turn, whatever the others did.
function actions.stop()
  end_schedules()
  for i = 1, started do
    for _, hook in ipairs(apps[i].stop_hooks) do
      local ok, err = xpcall(hook, report.traced)
      if not ok then
        report.unanswered(err, { what = "app:on_stop failed", at = place.of(hook) })
      end
    end
  end
  apps, started = {}, 0
  for thing, fn in pairs(at_stop) do
    fn(thing)
  end
  gauge.stop()
end

-- drain_timeout has passed: what still runs is cancelled when this returns.
function actions.cut()
  for where, count in pairs(tasks.in_background()) do
    core.log("warn", "stopping: background tasks did not end within drain_timeout and are cancelled", "made_at", where,
      "count", count)
  end
end

return setmetatable(lifecycle, {
  __call = function(_, action)
    actions[action]()
  end,
})
