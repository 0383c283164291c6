--- Schedules: what an app does every so often, or by the clock.
--
--     app:every, app:cron --noted--> a loop for each, from app:on_start to the stop --due--> a run: a background task
--
-- The rules, for all of them. A run that is due while the last one still runs is left out, and the log says so, or waits
-- for its end (overlap = "queue"; at most one does). What came due while nobody could run it (the machine slept, the worker
-- was busy) is one run, late; what came due while no server ran is not made up for. Runs of app:every come at multiples of
-- the interval from the start, whatever they take.
local core = require "rille.core"
local cron = require "rille.cron"
local errors = require "rille.error"
local leader = require "rille.leader"
local log = require "rille.log"
local option = require "rille.option"
local place = require "rille.place"
local random = require "rille.random"
local report = require "rille.report"
local tasks = require "rille.task"
local unit = require "rille.unit"

local schedule = {}

local SLICE = 60       -- seconds: a clock that is set is noticed after that
local EPSILON = 0.0005 -- seconds: timers go by milliseconds
local ID_BYTES = 6     -- of a run's id
local MOST_NAME = 200  -- bytes that are shown of one

local KINDS = {
  name = option.text(), scope = option.one_of({ "worker", "node", "cluster" }, "node"), timeout = option.duration(3600),
  overlap = option.one_of({ "skip", "queue" }, "skip"), jitter = option.duration(0), zone = option.text(),
}

local Schedule = {}
Schedule.__index = Schedule

-- ---- what `rille status` tells ------------------------------------------------------------

-- `due`: when, by the clock on the wall.
local function tell_status(self, due)
  self.due = due or self.due
  local counts = self.counts
  core.board_put(self.key, core.json_encode {
    name = self.name:sub(1, MOST_NAME), scope = self.scope, worker = core.worker(), due = self.due,
    is_running = self.running and true or false, runs = counts.runs, failed = counts.failed, left_out = counts.left_out,
  })
end

-- ---- when ---------------------------------------------------------------------------

local function wait_until(clock, moment)
  while true do
    local left = moment - clock()
    if left <= EPSILON then
      return
    end
    tasks.sleep(math.min(left, SLICE))
  end
end

-- Due at multiples of the interval, by the clock that never jumps.
local function by_interval(seconds)
  local began, count = core.uptime(), 0
  return function(self)
    local passed = core.uptime() - began
    count = math.max(count, math.floor((passed + EPSILON) / seconds)) + 1
    tell_status(self, core.wall() + count * seconds - passed)
    wait_until(core.uptime, began + count * seconds)
  end
end

-- Due when clocks on the wall say so. One that is put back does not make anything due twice.
local function by_clock(times)
  local last = core.wall()
  return function(self)
    last = times:next(math.max(last, core.wall()))
    tell_status(self, last)
    wait_until(core.wall, last)
  end
end

-- ---- runs -----------------------------------------------------------------------------

local function tell(self, run, began, task, ok, err)
  self.counts.runs = self.counts.runs + 1
  self.counts.failed = self.counts.failed + (ok and 0 or 1)
  if ok then
    local ms = math.floor((core.uptime() - began) * 1000 + 0.5)
    core.log("debug", "a scheduled run has ended", "schedule", self.name, "run", run.id, "ms", ms)
  elseif err ~= errors.CANCELLED then
    report.unanswered(err, { what = "a scheduled run failed", at = place.of(self.fn), schedule = self.name, run = run.id },
      (select(3, tasks.has_failed(task))))
  end
end

-- Whether this process is the one of the cluster.
local function is_ours(self)
  if self.scope ~= "cluster" then
    return true
  end
  local ok, leads = pcall(leader.leads, self.name)
  if not ok and leads ~= errors.CANCELLED then
    report.unanswered(leads, { what = "a schedule does not run: nobody knows which node should", schedule = self.name })
  end
  return ok and leads
end

local function call(self, run)
  core.set_deadline(self.timeout)
  self.fn(run)
end

local function run_once(self)
  if self.jitter > 0 then
    self.is_early = true
    tasks.sleep(self.jitter * math.random())
    self.is_early = false
  end
  if is_ours(self) then
    local run = { id = random.text(ID_BYTES), name = self.name }
    run.log = log.with { schedule = self.name, run = run.id }
    local began = core.uptime()
    local task = tasks.spawn(call, self, run)
    tell(self, run, began, task, pcall(task.await, task))
  end
end

local start_run

local function has_run(self, ...)
  self.running, self.is_early = false, false
  if self.loop then
    tell_status(self)
  end
  if self.is_queued then
    self.is_queued = false
    start_run(self)
  end
  return errors.rethrow(...)
end

function start_run(self)
  self.running = tasks.background_for(place.of(self.fn), function() has_run(self, pcall(run_once, self)) end)
end

local function come_due(self)
  if not self.running then
    start_run(self)
  elseif self.overlap == "queue" then
    self.is_queued = true
  else
    self.counts.left_out = self.counts.left_out + 1
    core.log("warn", "a scheduled run is left out: the last one still runs", "schedule", self.name)
  end
end

local function loop(self)
  local wait = self.times and by_clock(self.times) or by_interval(self.interval)
  while true do
    wait(self)
    come_due(self)
  end
end

-- ---- for rille.app, and rille.lifecycle ----------------------------------------------------

local function new(self, call_name, fn, given, level)
  if type(fn) ~= "function" then
    error(("%s takes a function behind when it is due: got a %s"):format(call_name, type(fn)), level + 1)
  end
  self.name = given.name or ("%s, %s"):format(self.said, place.of(fn) or "?")
  if given.scope == "cluster" and not given.name then
    error(('%s: a schedule of the cluster has a name, by which its nodes know it: { scope = "cluster", name = "…" }')
      :format(call_name), level + 1)
  end
  self.fn, self.scope, self.overlap, self.timeout, self.jitter = fn, given.scope, given.overlap, given.timeout, given.jitter
  self.running, self.is_early, self.is_queued, self.loop = false, false, false, false
  return setmetatable(self, Schedule)
end

--- @local
function schedule.every(interval, fn, options, level)
  local given = option.read("app:every", options, KINDS, level + 1)
  local seconds = unit.seconds(interval, level + 1)
  if seconds < 0.001 then
    error("app:every: an interval is a millisecond or longer", level + 1)
  elseif given.zone then
    error("app:every: the time of day is nothing to it, so there is no zone: see app:cron", level + 1)
  end
  local made = new({ interval = seconds, said = "every " .. tostring(interval) }, "app:every", fn, given, level + 1)
  return made
end

--- @local
function schedule.cron(text, fn, options, level)
  local given = option.read("app:cron", options, KINDS, level + 1)
  if type(text) ~= "string" then
    error(('app:cron takes a text such as "0 3 * * *" first: got a %s'):format(type(text)), level + 1)
  end
  local ok, times = pcall(cron.new, text, given.zone)
  if not ok then
    error(times, level + 1)
  end
  local made = new({ times = times, said = "cron " .. text }, "app:cron", fn, given, level + 1)
  return made
end

local begun = {} -- those whose loops run

--- Begin the schedules of an app that serves now.
-- @tparam {Schedule,...} list
function schedule.begin(list)
  for _, one in ipairs(list) do
    if one.scope == "worker" or core.worker() == 0 then
      one.key = ("schedule %d %d %s"):format(core.worker(), #begun, one.name)
      one.counts = { runs = 0, failed = 0, left_out = 0 }
      one.loop = tasks.background(loop, one)
      begun[#begun + 1] = one
    end
  end
end

--- Nothing comes due any more; what runs goes on.
function schedule.end_all()
  for _, one in ipairs(begun) do
    one.loop:cancel()
    one.loop, one.is_queued = false, false
    core.board_put(one.key)
    if one.is_early then
      one.running:cancel()
    end
  end
  begun = {}
  leader.resign()
end

return schedule
