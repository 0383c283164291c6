--- Tasks: functions that run beside the one that spawned them, and end with it.
local cleanup = require "rille.cleanup"
local core = require "rille.core"
local elsewhere = require "rille.elsewhere"
local errors = require "rille.error"
local line = require "rille.line"
local method = require "rille.method"
local place = require "rille.place"
local report = require "rille.report"
local slip = require "rille.slip"
local unit = require "rille.unit"
local service = require "rille.service"
local wait = require "rille.wait"

local tasks = {}

-- What most tasks never become is said once, here: a task's own table stays small.
local Task = {
  __name = "rille.task", group = false, awaiting = false, prepared = false, failure = false, is_awaited = false,
}
Task.__index = Task

-- The traceback must be taken where the error was raised; it travels beside it.
local function with_trace(err)
  if not errors.is(err) then
    return { err = err, trace = debug.traceback("", 2) }
  elseif rawget(err, "at") ~= nil then -- whoever awaits the task has another stack
    err.trace = err.trace or debug.traceback("", 2)
  end
  return { err = err, trace = err.trace or "" }
end

-- Read only when there is something to tell: a spawn is too cheap for it.
local function spawned_at(task, fn)
  return task.spawner and place.of(task.spawner, task.line) or place.of(fn) or "?"
end

local function report_unawaited(task, fn)
  local err = task.failure.err
  if err ~= errors.CANCELLED then
    report.unanswered(err, { what = "a task failed and nobody awaited it", spawned_at = spawned_at(task, fn) },
      task.failure.trace)
  end
end

-- Most tasks have one result, and need no table for it.
local function keep_results(task, count, first, ...)
  task.count, task.first = count, first
  if count > 1 then
    task.rest = { ... }
  end
end

local function results_of(task)
  if task.count == 0 then
    return
  elseif task.count == 1 then
    return task.first
  end
  return task.first, unpack(task.rest, 1, task.count - 1)
end

-- Those of rille.background that have not ended, and their functions.
local in_background = {}

local function tell_end(task)
  task.is_done = true
  in_background[task] = nil
  if task.awaiting then
    line.wake_all(task.awaiting)
  end
  if task.group then
    line.wake_all(task.group)
  end
end

local function finish(task, fn, ok, ...)
  if ok then
    keep_results(task, select("#", ...), ...)
  else
    -- when memory ran out, or with_trace itself failed, the bare error comes
    local failure = ...
    local is_traced = type(failure) == "table" and rawget(failure, "trace") ~= nil
    task.failure = is_traced and failure or { err = failure, trace = "" }
    place.note(task.failure.err, fn)
  end
  tell_end(task)
  if not ok and not task.group and not task.is_awaited then
    report_unawaited(task, fn)
  end
end

local running_here = {} -- the tasks of ours that run, by what core.here() calls them

local function cleaned_up(task, fn, ...)
  cleanup.run(task) -- whose functions may defer others
  finish(task, fn, ...)
  running_here[core.here()] = nil
end

-- The end itself went wrong (no memory, a mistake of ours), wherever it had got to: nobody may wait for the rest.
core.register_broken_end(function(here, err)
  local task = running_here[here]
  running_here[here] = nil
  task.failure = not task.is_done and { err = err, trace = "" } or task.failure
  tell_end(task)
  report.unanswered(err, { what = "the end of a task failed" })
end)

local function run(task, fn, ...)
  running_here[core.here()] = task
  return cleaned_up(task, fn, xpcall(fn, with_trace, ...))
end

-- Lists that somebody keeps of the tasks he spawns, by what core.here() calls him.
local kept_by = setmetatable({}, { __mode = "v" }) -- he may be abandoned

--- Note the current task's children down in `list` from now on, which the caller
-- holds; nil ends it.
-- @treturn table|nil the list until now
function tasks.keep_list(list)
  local here = core.here()
  local before = kept_by[here]
  kept_by[here] = list
  return before
end

local function new_task(fn)
  if type(fn) ~= "function" then
    error(("a task is a function, not what it returns, as in rille.spawn(fn, argument): got a %s"):format(type(fn)), 4)
  end
  local spawner, at = core.caller(4)
  return setmetatable({
    id = 0, spawner = spawner, line = at, is_done = false, count = 0, first = false, -- and room for two more
  }, Task)
end

local function start(detached, group, fn, ...)
  local task = new_task(fn)
  if group then
    task.group = group
  end
  task.id = core.spawn(detached, run, task, fn, ...)
  if detached then
    in_background[task] = fn
    service.note(task)
  end
  local list = not detached and next(kept_by) and kept_by[core.here()]
  if list then
    list[#list + 1] = task
  end
  return task
end

--- Run `fn(...)` beside the caller. The task belongs to the caller's request or
-- task: it inherits its deadline, and is cancelled when that ends.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.spawn(fn, ...)
  return (start(false, nil, fn, ...)) -- no tail call: start looks for the caller
end

--- Run `fn(...)` for the app: it outlives the request that started it. When the server
-- stops, it is waited for, after app:on_stop and within drain_timeout; then it is
-- cancelled, and the log names it. One that never ends by itself is ended in on_stop.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.background(fn, ...)
  return (start(true, nil, fn, ...))
end

--- A task that waits for somebody to begin it. Cancelled before, it never runs.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.prepare(fn, ...)
  local task = new_task(fn)
  task.prepared = { fn = fn, count = select("#", ...), ... }
  return task
end

--- Begin a prepared task, as one of the current task's own.
function tasks.begin(task)
  local prepared = task.prepared
  task.prepared = nil
  task.id = core.spawn(false, run, task, prepared.fn, unpack(prepared, 1, prepared.count))
end

--- End a prepared task that will never run.
-- @param err what awaiting it raises
function tasks.refuse(task, err)
  local fn = task.prepared.fn
  task.prepared = nil
  finish(task, fn, false, { err = err, trace = "" })
end

--- Those of rille.background that run now.
-- @treturn table how many, by where they were made
-- @local
function tasks.in_background()
  local counts = {}
  for task, fn in pairs(in_background) do
    local where = spawned_at(task, fn)
    counts[where] = (counts[where] or 0) + 1
  end
  return counts
end

-- Wait for its end, whatever that is; false when the time has passed.
local function ended(task, ms)
  if task.is_done then
    return true
  end
  task.awaiting = task.awaiting or line.new()
  return line.stand(task.awaiting, false, ms)
end

--- Wait for the end of a task, however it ends, without its results. **Yields.**
function tasks.join(task)
  ended(task)
end

--- Wait for the task's end. **Yields.**
-- @tparam[opt] duration timeout seconds or "250ms"
-- @return what the function returned; or nil and "timeout"
-- @raise what the function raised
function Task:await(timeout)
  self.is_awaited = true
  if not ended(self, timeout and unit.seconds(timeout, 2) * 1000) then
    return nil, "timeout"
  end
  if self.failure then
    error(self.failure.err, 0)
  end
  return results_of(self)
end

--- End the task: it raises `cancelled` at its next wait. Does nothing when it has ended.
function Task:cancel()
  self.is_awaited = true
  if self.prepared then
    tasks.refuse(self, errors.CANCELLED)
  else
    core.cancel(self.id)
  end
end

--- Whether the task has ended, well or not.
-- @treturn boolean
function Task:done()
  return self.is_done
end

local function cancel_all(running)
  for _, task in pairs(running) do
    task:cancel()
  end
end

-- `all{ users = db:query(…) }` has waited already.
local function check_functions(functions, call, level)
  for key, fn in pairs(functions) do
    if type(fn) ~= "function" then
      error(("%s takes functions, and calls them: '%s' is a %s. Write %s = function() return … end"):format(call,
        tostring(key), type(fn), type(key) == "string" and key or "[" .. tostring(key) .. "]"), level + 1)
    end
  end
end

--- Run all functions of the table at once; one wait for all. **Yields.**
-- The first error cancels the rest and is raised.
-- @tparam table functions by any keys
-- @treturn table their first results, by the same keys
function tasks.all(functions)
  if type(functions) ~= "table" then
    error("all takes a table of functions: got a " .. type(functions), 2)
  end
  check_functions(functions, "all", 2)
  local group, running, results = line.new(), {}, {}
  for key, fn in pairs(functions) do
    running[key] = start(false, group, fn)
  end
  while next(running) do
    for key, task in pairs(running) do
      if task.failure then
        running[key] = nil
        cancel_all(running)
        error(task.failure.err, 0)
      elseif task.is_done then
        results[key] = task.first
        running[key] = nil
      end
    end
    if next(running) then
      line.stand(group, false)
    end
  end
  return results
end

--- Run all functions at once; the first that succeeds gives the result, the
-- others are cancelled. **Yields.** When all fail, the last error is raised.
-- @tparam table functions by any keys
-- @return the first result of the winner
function tasks.any(functions)
  if type(functions) ~= "table" or next(functions) == nil then
    error("any takes a table of functions, at least one", 2)
  end
  check_functions(functions, "any", 2)
  local group, running, last = line.new(), {}, nil
  for key, fn in pairs(functions) do
    running[key] = start(false, group, fn)
  end
  while true do
    for key, task in pairs(running) do
      if task.failure then
        running[key], last = nil, task.failure
      elseif task.is_done then
        running[key] = nil
        cancel_all(running)
        return task.first
      end
    end
    if not next(running) then
      error(last.err, 0)
    end
    line.stand(group, false)
  end
end

--- Run `fn(...)` with a deadline of its own. **Yields.**
-- @tparam duration duration seconds or "250ms"
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
-- @raise `timeout` when the time has passed, and what it raises
function tasks.timeout(duration, fn, ...)
  local seconds = unit.seconds(duration, 2)
  local task = start(false, line.new(), function(...)
    core.set_deadline(seconds)
    return fn(...)
  end, ...)
  return task:await()
end

local SHIELD_SECONDS = 5 -- how long a shield holds once its scope was cancelled

local function unshielded(...)
  core.unshield()
  return errors.rethrow(...)
end

--- Run `fn(...)` to its end although the client leaves or the deadline passes:
-- its waits go on, for five seconds at most. **Yields** if `fn` does.
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function tasks.shield(fn, ...)
  if type(fn) ~= "function" then
    error("shield takes a function: got a " .. type(fn), 2)
  end
  core.shield(SHIELD_SECONDS * 1000)
  return unshielded(pcall(fn, ...))
end

--- What stands for the current request or task with rille.cleanup.
-- @treturn ?table nil where there is neither: while the app loads
-- @local
function tasks.owner()
  local slot, epoch = core.request_here()
  return slot and cleanup.of_request(slot, epoch) or running_here[core.here()]
end

--- Run `fn(...)` when the current request or task has ended, however it ended.
-- The last one deferred runs first.
-- @tparam function fn
-- @param ... its arguments
function tasks.defer(fn, ...)
  if type(fn) ~= "function" then
    error("defer takes a function: got a " .. type(fn), 2)
  end
  local owner = tasks.owner()
  if not owner then
    error("defer: there is no request or task here that could end", 2)
  end
  cleanup.add(owner, fn, ...)
end

--- Let others run for a while. **Yields.**
-- @tparam duration duration seconds or "250ms"
function tasks.sleep(duration)
  wait.won(core.sleep(unit.seconds(duration, 2) * 1000))
end

slip.guard(Task, "a task", "await cancel done", "first rest spawner line deferred after", elsewhere.task)
method.guard(Task, function(value) return getmetatable(value) == Task end, "task", { "await", "cancel", "done" })

return tasks
