--- The running example: what it may expect, and what has to hold at its end.
--
-- busted runs an example's hooks and its body in one task (`around`), and the
-- body in another inside (`body`). Everything that the requests of the example
-- start is below the first of them, and is cancelled when it is over.
local core = require "rille.core"
local deadlock = require "rille.deadlock"
local isolation = require "rille.test.isolation"
local leaks = require "rille.leaks"
local wait = require "rille.wait"

local example = {}

local SETTLE_MS = 2000 -- for what an example left running to notice that it was cancelled

local END_MS = 100      -- for the requests that were answered to be over

local running -- { faults by request id, last_fault, expects_fault, had_fault, broken, leaks, expects_leak }

-- A fault is told by the client's call that met it: no log line beside it.
local log = core.log
function core.log(level, message, ...)
  if not running or level ~= "error" or message:sub(1, 9) ~= "fault in " then
    return log(level, message, ...)
  end
  local facts = { message = message }
  for i = 1, select("#", ...), 2 do
    facts[(select(i, ...))] = (select(i + 1, ...))
  end
  running.faults[facts.request_id or ""], running.last_fault = facts, facts
end

local function settle()
  for _ = 1, SETTLE_MS do
    if core.test_settle() then
      return
    end
    wait.won(core.sleep(1))
  end
  core.log("warn", "an example's tasks still run two seconds after it: they ignore that they were cancelled")
end

--- Run an example with its hooks, in a task of its own. **Yields.**
-- @tparam function run
-- @tparam integer seed of its random numbers, and of the order in which its tasks run
-- @tparam number seconds how long it may take, of real time; 0: as long as it likes
-- @return what `run` returns
function example.around(run, seed, seconds)
  local results
  core.test_enter(seconds)
  isolation.around(function(broken)
    running = { faults = {}, broken = broken, leaks = {} }
    math.randomseed(seed)
    core.test_shuffle(seed)
    local ok, err = pcall(deadlock.answer_as, "the example", function() results = { run() } end)
    core.test_shuffle(0)
    settle()
    core.test_thaw()
    running = nil
    if not ok then
      error(err, 0)
    end
  end)
  return unpack(results)
end

-- A request is over a moment after its answer is there.
local function await_ends()
  for _ = 1, END_MS do
    if leaks.pending() == 0 then
      return
    end
    wait.won(core.sleep(1))
  end
end

local function check_leaks(where)
  await_ends()
  local left = running.leaks
  if running.expects_leak and #left == 0 then
    error(where .. "t.expect_leak(): no request of this example left anything open", 0)
  elseif not running.expects_leak and #left > 0 then
    error(("%s%s (t.expect_leak() says that it should)"):format(where, table.concat(left, "\n")), 0)
  end
end

-- The report of a deadlock is told like any failure of this example.
local function answer_as_example(where, body)
  local ok, err = pcall(deadlock.answer_as, "the example", body)
  if not ok then
    error(deadlock.is(err) and where .. err.message or err, 0)
  end
end

--- An example's body, with what holds around it.
-- @tparam function body
-- @tparam table trace where it is: short_src, currentline
-- @treturn function
function example.body(body, trace)
  local where = trace and ("%s:%d: "):format(trace.short_src, trace.currentline) or ""
  return function()
    if running and running.broken then
      local why = running.broken
      error(where .. "the example's transaction could not be begun: "
        .. tostring(type(why) == "table" and why.detail or why), 0)
    end
    answer_as_example(where, body)
    if running and running.expects_fault and not running.had_fault then
      error(where .. "t.expect_fault(): no request of this example was answered 500", 0)
    end
    if running then
      check_leaks(where)
    end
  end
end

--- The running example, or nil in a file's own code and its setup: to compare only.
function example.current()
  return running
end

--- A 500 is what this example wants.
function example.expect_fault()
  if not running then
    error("t.expect_fault() belongs inside an example: it holds for that one", 3)
  end
  running.expects_fault = true
end

--- A request that leaves something open is what this example wants.
function example.expect_leak()
  if not running then
    error("t.expect_leak() belongs inside an example: it holds for that one", 3)
  end
  running.expects_leak = true
end

--- A request left something open.
-- @tparam string text what, and from where
-- @tparam string request_id
function example.meet_leak(text, request_id)
  if running then
    table.insert(running.leaks, text)
  else
    core.log("warn", text, "request_id", request_id)
  end
end

--- A request was answered 500.
-- @tparam string|nil request_id
-- @treturn boolean whether that was expected
-- @treturn table|nil what was logged of it: error, trace, message
function example.meet_fault(request_id)
  if not running then
    return false
  end
  running.had_fault = true
  return running.expects_fault == true, running.faults[request_id] or running.last_fault -- an on_error may hide the id
end

return example
