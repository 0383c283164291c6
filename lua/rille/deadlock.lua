--- A deadlock: every task waits for another, and nothing else is left that could wake one.
--
-- C notices it (core/vm/deadlock.h) and has the report written here. It is raised by the wait of the
-- task that answers for all: an example's body in a spec, else the main task.
local core = require "rille.core"
local errors = require "rille.error"
local tasks = require "rille.task"
local wait = require "rille.wait"
local waiting = require "rille.waiting"

local deadlock = {}

local MOST_LINES = 20

-- Who answers, by core.here(), and what he is called; the last one does.
local answering = {}

local function answered(before, ...)
  while #answering > before do
    answering[#answering] = nil
  end
  return errors.rethrow(...)
end

--- Run `fn()` as what answers for a deadlock: a wait of the current task raises it. **Yields** if `fn` does.
-- @tparam string noun what reports call this task: "the example"
-- @tparam function fn
-- @return what it returns
function deadlock.answer_as(noun, fn)
  local before = #answering
  answering[before + 1] = { here = core.here(), noun = noun }
  return answered(before, pcall(fn))
end

-- Those that wait for who answers: the command, and what runs an example's body.
local function is_framework(task, main, answer)
  local is_waiting = #answering > 0 and task == main
  for _, one in ipairs(answering) do
    is_waiting = is_waiting or one.here == task.here
  end
  return is_waiting and task.here ~= answer.here
end

local function without_framework(list, answer)
  local kept = {}
  for _, task in ipairs(list) do
    kept[#kept + 1] = not is_framework(task, list[1], answer) and task or nil
  end
  return kept
end

-- What a report says of a task; nil of Rille's own, such as a pool's workers that have nothing to do.
local function said_of(task, answer)
  local at, call = waiting.of(task.co)
  local noun = task.here == answer.here and answer.noun or task.route
  local spawned_at = not noun and tasks.spawned_at(task.here)
  if not (noun or at or spawned_at) then
    return nil
  end
  return ("%s %s%s%s%s"):format(noun or "a task", task.is_parked and "waits" or "goes on",
    call and " in " .. call or "", at and " at " .. at or "", spawned_at and ", spawned at " .. spawned_at or "")
end

-- Its lines, each once, with how many tasks it is said of. There are `count` tasks, of which the list may lack some.
local function lines_of(list, count, answer)
  local lines, counts = {}, {}
  for _, task in ipairs(list) do
    local text = said_of(task, answer)
    if text and not counts[text] then
      table.insert(lines, task.here == answer.here and 1 or #lines + 1, text)
    end
    counts[text or false] = (counts[text or false] or 0) + 1
  end
  for i, text in ipairs(lines) do
    lines[i] = "\n  " .. text .. (counts[text] > 1 and (" (%d of them)"):format(counts[text]) or "")
  end
  if #lines > MOST_LINES then
    lines[MOST_LINES + 1] = ("\n  and %d lines more"):format(#lines - MOST_LINES)
  end
  local text = table.concat(lines, "", 1, math.min(#lines, MOST_LINES + 1))
  return text .. (count > #list and ("\n  and %d tasks more"):format(count - #list) or "")
end

--- Every task that has begun, what it waits for and where.
-- @tparam string why what the report begins with; "deadlock": that every task waits for another
-- @treturn integer core.here() of the task that raises it, with its next wake
function deadlock.report(why)
  local list, count = core.tasks()
  local answer = answering[#answering] or { here = list[1].here, noun = "the main task" }
  local is_deadlock = why == "deadlock"
  local kept = without_framework(list, answer)
  wait.set_stuck(errors.new {
    code = is_deadlock and "deadlock" or "timeout", is_report = true,
    message = (is_deadlock and "every task waits for another, and nothing else can wake one" or why) .. ":"
      .. lines_of(kept, count - #list + #kept, answer),
  })
  return answer.here
end

--- Whether an error is such a report.
-- @treturn boolean
function deadlock.is(err)
  return errors.is(err) and rawget(err, "is_report") == true
end

-- ---- of one request ----------------------------------------------------------------------

-- Reports of requests whose deadline has passed, by slot; one of another epoch is stale.
local late = {}

--- A request's deadline has passed, and each of its tasks waits for another one.
-- @tparam integer slot
-- @tparam integer epoch
-- @tparam integer here core.here() of its handler
-- @tparam table list its tasks
-- @tparam integer count how many there are
-- @local
function deadlock.note_late(slot, epoch, here, list, count)
  late[slot] = {
    epoch = epoch,
    err = errors.new {
      code = "timeout", status = 504, is_report = true,
      message = "the deadline passed, and all tasks of this request were waiting for others:"
        .. lines_of(list, count, { here = here, noun = "the handler" }),
    },
  }
end

--- The error that a request has failed with; in place of a mere timeout, the report of what it waited for.
-- @tparam integer slot
-- @tparam integer epoch
-- @param err
-- @return err, or the report
function deadlock.explained(slot, epoch, err)
  local one = late[slot]
  late[slot] = nil
  return one and one.epoch == epoch and err == errors.TIMEOUT and one.err or err
end

--- From now on, have requests looked at whose deadline passes.
function deadlock.watch()
  core.watch_late()
end

return deadlock
