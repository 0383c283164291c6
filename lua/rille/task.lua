--- Tasks: functions that run beside the one that spawned them, and end with it.
local cleanup = require "rille.cleanup"
local core = require "rille.core"
local errors = require "rille.error"
local line = require "rille.line"
local method = require "rille.method"
local place = require "rille.place"
local report = require "rille.report"
local slip = require "rille.slip"
local unit = require "rille.unit"
local service = require "rille.service"
local wait = require "rille.wait"

local next, select, setmetatable, type, unpack, xpcall = next, select, setmetatable, type, unpack, xpcall
local core_spawn, core_yield, PARK = core.spawn, core.yield, core.PARK

local tasks = {}

-- A task is a list of eight, in a single block of memory: by names it would be two, and twice as large.
local ID = 1              -- for core.cancel; 0 before it was begun
local SPAWNER, LINE = 2, 3 -- where it was spawned: the function, and the line in it; of Rille's own nil
local FIRST, REST = 4, 5  -- the function and its arguments, until it runs; then its results
local COUNT = 6           -- false; in the end how many results there are, or FAILED: the first is why
local AWAITING = 7        -- the line of those who await it, or false
local IS_AWAITED = 8      -- whether somebody wants to hear of its failure

-- What most tasks never become is said once, here.
local Task = { __name = "rille.task", deferred = false, after = false }
Task.__index = Task

local FAILED = -1

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
  local spawner = rawget(task, SPAWNER)
  return spawner and place.of(spawner, task[LINE]) or place.of(fn)
end

local function report_unawaited(task, fn)
  local failure = task[FIRST]
  if failure.err ~= errors.CANCELLED then
    report.unanswered(failure.err, { what = "a task failed and nobody awaited it", spawned_at = spawned_at(task, fn) or "?" },
      failure.trace)
  end
end

-- Those of rille.background that have not ended; and of each its function, or where the app asked for it.
local in_background = {}

local function tell_end(task)
  if in_background[task] then
    in_background[task] = nil
  end
  if task[AWAITING] then
    line.wake_all(task[AWAITING])
  end
end

local function ended(task, fn)
  tell_end(task)
  if task[COUNT] == FAILED and not task[IS_AWAITED] then
    report_unawaited(task, fn)
  end
end

local function fail(task, fn, failure)
  -- when memory ran out, or with_trace itself failed, the bare error comes
  local is_traced = type(failure) == "table" and rawget(failure, "trace") ~= nil
  task[FIRST] = is_traced and failure or { err = failure, trace = "" }
  place.note(task[FIRST].err, fn)
  task[COUNT] = FAILED
  ended(task, fn)
end

-- Most tasks have one result, and need no table for it.
local function finish(task, fn, ok, ...)
  if task.deferred then
    cleanup.run(task) -- whose functions may defer others
  end
  if not ok then
    return fail(task, fn, (...))
  end
  local count = select("#", ...)
  task[COUNT], task[FIRST] = count, (...)
  if count > 1 then
    task[REST] = { select(2, ...) }
  end
  ended(task, fn)
end

-- A coroutine begins here, and LuaJIT compiles no tail call to a vararg function from there: finish is called otherwise.
local function run(task)
  local fn, arguments = task[FIRST], task[REST]
  if arguments then
    task[REST] = false
    finish(task, fn, xpcall(fn, with_trace, unpack(arguments, 1, arguments.count)))
  else
    finish(task, fn, xpcall(fn, with_trace))
  end
end

-- The end itself went wrong (no memory, a mistake of ours), wherever it had got to: nobody may wait for the rest.
local function broken(task, err)
  if not task[COUNT] then
    task[COUNT], task[FIRST] = FAILED, { err = err, trace = "" }
  end
  tell_end(task)
  report.unanswered(err, { what = "the end of a task failed" })
end

-- The tasks that have not ended, by what core.here() calls them.
local running_here = core.register_tasks(run, broken)

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

local function new_task(fn, arguments)
  if type(fn) ~= "function" then
    error(("a task is a function, not what it returns, as in rille.spawn(fn, argument): got a %s"):format(type(fn)), 4)
  end
  return setmetatable({ 0, false, 0, fn, arguments, false, false, false }, Task)
end

local function arguments_of(count, ...)
  return count > 0 and { count = count, ... }
end

local function start(is_detached, fn, arguments, level)
  local task = new_task(fn, arguments)
  task[ID], task[SPAWNER], task[LINE] = core_spawn(is_detached, task, level or 3)
  if is_detached then
    in_background[task] = fn
    service.note(task)
  elseif next(kept_by) then
    local list = kept_by[core.here()]
    if list then
      list[#list + 1] = task
    end
  end
  return task
end

--- A task that wakes `group`, a line or false, when it ends, and whose failure is looked at there.
-- @local
function tasks.spawn_in(group, fn, arguments)
  local task = start(false, fn, arguments or false, 4)
  task[AWAITING] = group
  tasks.answer_for(task)
  return task
end

--- Run `fn(...)` beside the caller. The task belongs to the caller's request or
-- task: it inherits its deadline, and is cancelled when that ends.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.spawn(fn, ...)
  return (start(false, fn, arguments_of(select("#", ...), ...))) -- no tail call: start looks for the caller
end

--- Run `fn(...)` for the app: it outlives the request that started it. When the server
-- stops, it is waited for, after app:on_stop and within drain_timeout; then it is
-- cancelled, and the log names it. One that never ends by itself is ended in on_stop.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.background(fn, ...)
  return (start(true, fn, arguments_of(select("#", ...), ...)))
end

--- The same for a task of Rille's own, which serves something of the app's.
-- @tparam ?string at where the app asked for that: what is told of the task
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
-- @local
function tasks.background_for(at, fn, ...)
  local task = start(true, fn, arguments_of(select("#", ...), ...))
  in_background[task] = at or fn
  return task
end

--- A task that waits for somebody to begin it. Cancelled before, it never runs.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task
function tasks.prepare(fn, ...)
  local task = new_task(fn, arguments_of(select("#", ...), ...))
  task[SPAWNER], task[LINE] = core.caller(3)
  return task
end

--- Begin a prepared task, as one of the current task's own.
function tasks.begin(task)
  task[ID] = core.spawn(false, task)
end

--- Somebody hears of the task's failure, if it comes to one, though nobody awaits it.
-- @local
function tasks.answer_for(task)
  task[IS_AWAITED] = true
end

--- End a prepared task that will never run; that is no failure to report.
-- @param err what awaiting it raises
function tasks.refuse(task, err)
  task[IS_AWAITED] = true
  fail(task, task[FIRST], { err = err, trace = "" })
end

--- Those of rille.background that run now.
-- @treturn table how many, by where they were made
-- @local
function tasks.in_background()
  local counts = {}
  for task, fn in pairs(in_background) do
    local where = type(fn) == "string" and fn or spawned_at(task, fn) or "?"
    counts[where] = (counts[where] or 0) + 1
  end
  return counts
end

--- Where a task was spawned that has not ended.
-- @tparam integer here what core.here() is in it
-- @treturn ?string nil when that is not the app's code
-- @local
function tasks.spawned_at(here)
  local task = running_here[here]
  return task and spawned_at(task, task[FIRST])
end

--- Where the app spawned a task that has not ended, and that nobody waits for.
-- @treturn ?string nil of any other
-- @local
function tasks.left_at(task)
  return not (task[COUNT] or task[IS_AWAITED]) and spawned_at(task, task[FIRST]) or nil
end

--- Whether it has ended with an error.
-- @treturn boolean
-- @return the error
-- @treturn string where it was raised
-- @local
function tasks.has_failed(task)
  if task[COUNT] == FAILED then
    return true, task[FIRST].err, task[FIRST].trace
  end
  return false
end

-- Wait for its end, whatever that is; false when the time has passed.
local function wait_for_end(task, ms)
  if task[COUNT] then
    return true
  end
  task[AWAITING] = task[AWAITING] or line.new()
  return (line.stand(task[AWAITING], nil, ms))
end

--- Wait for the end of a task, however it ends, without its results. **Yields.**
function tasks.join(task)
  wait_for_end(task)
end

--- Wait for the task's end. **Yields.**
-- @tparam[opt] duration timeout seconds or "250ms"
-- @return what the function returned; or nil and "timeout"
-- @raise what the function raised
function Task:await(timeout)
  local ms = unit.ms(timeout)
  self[IS_AWAITED] = true
  if not self[COUNT] and not wait_for_end(self, ms) then
    return nil, "timeout"
  end
  local count = self[COUNT]
  if count == 1 then
    return rawget(self, FIRST)
  elseif count == FAILED then
    error(self[FIRST].err, 0)
  elseif count > 1 then
    return rawget(self, FIRST), unpack(self[REST], 1, count - 1)
  end
end

--- End the task: it raises `cancelled` at its next wait. Does nothing when it has ended.
function Task:cancel()
  self[IS_AWAITED] = true
  if self[ID] == 0 and not self[COUNT] then
    tasks.refuse(self, errors.CANCELLED)
  else
    core.cancel(self[ID])
  end
end

--- Whether the task has ended, well or not.
-- @treturn boolean
function Task:done()
  return self[COUNT] ~= false
end

--- Run `fn(...)` with a deadline of its own. **Yields.**
-- @tparam duration duration seconds or "250ms"
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
-- @raise `timeout` when the time has passed, and what it raises
function tasks.timeout(duration, fn, ...)
  local seconds = unit.seconds(duration, 2)
  if type(fn) ~= "function" then
    error("timeout takes a duration and a function, and calls that: got a " .. type(fn), 2)
  end
  local task = tasks.spawn_in(false, function(...)
    core.set_deadline(seconds)
    return fn(...)
  end, arguments_of(select("#", ...), ...))
  return task:await()
end

local SHIELD_SECONDS = 5 -- how long a shield holds once its scope was cancelled

local function unshielded(...)
  core.unshield()
  return errors.rethrow(...)
end

--- Run `fn(...)` to its end although the client leaves or the deadline passes:
-- its waits go on, and so do the tasks that it spawns, for five seconds at most. **Yields** if `fn` does.
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

--- Let others run for a while: for 0, until all who can run have run, as Go's `runtime.Gosched` does. **Yields.**
-- @tparam duration duration seconds or "250ms"
-- @raise the cancellation of the task
function tasks.sleep(duration)
  local seconds = unit.seconds(duration, 2)
  wait.won(seconds == 0 and core_yield(PARK) or core.sleep(seconds * 1000))
end

slip.guard(Task, "a task", "await cancel done", "", "task")
method.guard(Task, "task", { "await", "cancel", "done" })

return tasks
