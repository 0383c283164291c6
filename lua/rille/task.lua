--- Tasks: functions that run beside the one that spawned them, and end with it.
local core = require "rille.core"
local errors = require "rille.error"
local unit = require "rille.unit"
local wait = require "rille.wait"

local tasks = {}

local Task = { __name = "rille.task" }
Task.__index = Task

-- The traceback must be taken where the error was raised; it travels beside it.
local function with_trace(err)
  return { err = err, trace = errors.is(err) and "" or debug.traceback("", 2) }
end

local function report_unawaited(task)
  local err = task.failure.err
  if err ~= errors.CANCELLED then
    core.log("error", "a task failed and nobody awaited it", "error", tostring(err), "spawned_at", task.where,
      "trace", task.failure.trace)
  end
end

local function finish(task, ok, ...)
  if ok then
    task.results, task.count = { ... }, select("#", ...)
  else
    task.failure = (...)
  end
  task.is_done = true
  core.signal_all(task.signal)
  if task.group then
    core.signal_all(task.group)
  elseif not ok and not task.is_awaited then
    report_unawaited(task)
  end
end

local function run(task, fn, ...)
  return finish(task, xpcall(fn, with_trace, ...))
end

local function start(detached, group, fn, ...)
  if type(fn) ~= "function" then
    error("a task is a function: got a " .. type(fn), 3)
  end
  local info = debug.getinfo(3, "Sl")
  local task = setmetatable({
    signal = core.signal(), group = group, where = info and (info.short_src .. ":" .. info.currentline) or "?",
  }, Task)
  task.handle = core.spawn(detached, run, task, fn, ...)
  return task
end

--- Run `fn(...)` beside the caller. The task belongs to the caller's request or
-- task: it inherits its deadline, and is cancelled when that ends.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.spawn(fn, ...)
  return start(false, nil, fn, ...)
end

--- Run `fn(...)` for the app: it outlives the request that started it.
-- @treturn Task
function tasks.background(fn, ...)
  return start(true, nil, fn, ...)
end

--- Wait for the task's end. **Yields.**
-- @param[opt] timeout seconds or "250ms"
-- @return what the function returned; or nil and "timeout"
-- @raise what the function raised
function Task:await(timeout)
  self.is_awaited = true
  if not self.is_done then
    local ms = timeout and unit.seconds(timeout, 2) * 1000 or -1
    while not self.is_done do
      if wait.won(core.signal_wait(self.signal, ms)) == 2 then
        return nil, "timeout"
      end
    end
  end
  if self.failure then
    error(self.failure.err, 0)
  end
  return unpack(self.results, 1, self.count)
end

--- End the task: it raises `cancelled` at its next wait. Does nothing when it has ended.
function Task:cancel()
  self.is_awaited = true
  core.cancel(self.handle)
end

--- Whether the task has ended, well or not.
function Task:done()
  return self.is_done == true
end

local function cancel_all(running)
  for _, task in pairs(running) do
    task:cancel()
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
  local group, running, results = core.signal(), {}, {}
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
        results[key] = task.results[1]
        running[key] = nil
      end
    end
    if next(running) then
      wait.won(core.signal_wait(group))
    end
  end
  return results
end

--- Let others run for a while. **Yields.**
-- @param duration seconds or "250ms"
function tasks.sleep(duration)
  wait.won(core.sleep(unit.seconds(duration, 2) * 1000))
end

return tasks
