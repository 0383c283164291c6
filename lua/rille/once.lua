--- What runs once, however many ask for it; and again and again, for who waits.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local tasks = require "rille.task"
local unit = require "rille.unit"
local wait = require "rille.wait"

local once = {}

local EPSILON = 1e-6 -- what a sum of seconds may be off by

--- A function that runs `fn` once, at its first call, whoever calls it and how often. Those who
-- call while it runs wait for it. When it raises, they all get the error, and the next call tries again.
-- @tparam function fn
-- @treturn function returns the first result of `fn`. **May yield.**
function once.once(fn)
  if type(fn) ~= "function" then
    error("once takes a function: got a " .. type(fn), 2)
  end
  local is_done, result = false, nil
  local key = {}
  return function()
    if not is_done then
      result = once.once_for(key, fn)
      is_done = true
    end
    return result
  end
end

-- The runs that callers share, by key.
local runs = {}

-- Those runs by what core.here() calls their tasks. One that was given up stays until another has its place.
local running = {}

-- Whoever comes now wants news.
local function run_ended(key, run, here, ...)
  running[here] = nil
  if runs[key] == run then
    runs[key] = nil
  end
  return errors.rethrow(...)
end

local function begin_run(key, fn)
  local run = { callers = 0, waits_for = {} } -- of other runs, how many waits in this one are for each
  runs[key] = run
  run.task = tasks.background_for(place.of(fn), function()
    local here = core.here()
    running[here] = run
    return run_ended(key, run, here, pcall(fn))
  end)
  return run
end

-- The runs that end no earlier than the current task: the one whose function it runs, and those it was spawned in.
local function runs_here()
  local list, here = {}, core.here()
  while here do
    local run = running[here]
    if run and not run.task:done() then
      list[#list + 1] = run
    end
    here = core.parent(here)
  end
  return list
end

-- Whether a run is `wanted`, or waits for it, by way of others perhaps.
local function waits_for(run, wanted)
  local is_waiting = run == wanted
  for other in pairs(run.waits_for) do
    is_waiting = is_waiting or waits_for(other, wanted)
  end
  return is_waiting
end

-- A run that waited for itself would do so for ever: nobody who comes for its key could end it.
local function check_waits(asking, run, key)
  for _, one in ipairs(asking) do
    if waits_for(run, one) then
      place.blame(("this would wait for itself: the run of once_for for %s waits for this call"):format(
        type(key) == "string" and ("%q"):format(key) or tostring(key)))
    end
  end
end

local function count_waits(asking, run, change)
  for _, one in ipairs(asking) do
    local count = (one.waits_for[run] or 0) + change
    one.waits_for[run] = count > 0 and count or nil
  end
end

-- Nobody wants the result any more when its last caller leaves.
local function caller_left(key, run, asking, ...)
  count_waits(asking, run, -1)
  run.callers = run.callers - 1
  if run.callers == 0 and not run.task:done() then
    if runs[key] == run then
      runs[key] = nil
    end
    run.task:cancel()
  end
  return errors.rethrow(...)
end

--- Run `fn()` for `key`, unless a call for the same key is under way: then wait for that one and
-- share what it returns, or raises. **Yields.** The run is nobody's own: it belongs to the app, and is
-- cancelled when the last of those who wait for it has gone.
-- @param key any value but nil
-- @tparam function fn
-- @return what it returns
-- @raise when it is the run for that key itself that asks, or a task spawned in it
function once.once_for(key, fn)
  if key == nil or key ~= key or type(fn) ~= "function" then
    error("once_for takes a key and a function: once_for(\"rates\", function() … end)", 2)
  end
  local run, asking = runs[key], runs_here()
  if run then
    check_waits(asking, run, key)
  end
  run = run or begin_run(key, fn)
  count_waits(asking, run, 1)
  run.callers = run.callers + 1
  return caller_left(key, run, asking, pcall(run.task.await, run.task))
end

-- ---- ticker ----------------------------------------------------------------------

--- For `for tick in rille.ticker("1s") do`: goes on at every multiple of `interval` from now.
-- **Yields** between ticks. Those that pass while the loop's body runs are left out.
-- @tparam duration interval seconds or "250ms"
-- @treturn function the iterator: gives the number of the tick, from 1
function once.ticker(interval)
  local seconds = unit.seconds(interval, 2)
  if seconds <= 0 then
    error("a ticker's interval is longer than 0", 2)
  end
  local began, tick = core.uptime(), 0
  return function()
    local passed = core.uptime() - began
    tick = math.max(tick, math.floor(passed / seconds + EPSILON)) + 1
    wait.won(core.sleep(math.ceil((tick * seconds - passed) * 1000 - EPSILON))) -- a tick never comes early
    return tick
  end
end

return once
