--- What is told of an error, and to whom: all of it to the log, and to the
-- client what it may know.
local behalf = require "rille.behalf"
local core = require "rille.core"
local errors = require "rille.error"
local frames = require "rille.frames"
local place = require "rille.place"
local timeline = require "rille.timeline"

local report = {}

local is_development = core.settings and core.settings.env == "development"

local Traced, Fault = {}, {}

--- For xpcall: the error, with the traceback of where it was raised beside it.
function report.traced(err)
  if errors.is(err) then
    return err
  end
  return setmetatable({ err = err, trace = debug.traceback("", 2), at = place.nearest() }, Traced)
end

-- By coroutine: its failure, as it looked while its stack stood.
local witnessed = setmetatable({}, { __mode = "k" })

local function may_be_known(err)
  return err.is_public or err.status < 500 or err.status == 503 or err.status == 504
end

-- For xpcall, too.
local function witness(err)
  if not errors.is(err) or not may_be_known(err) then
    witnessed[coroutine.running()] = {
      err = err, trace = debug.traceback("", 2), at = place.nearest(), frames = frames.of(nil, err),
    }
  end
  return err
end

--- In development, where values are shown: a route's function whose failures are looked at before its stack is gone.
-- @tparam function fn of one argument
-- @treturn function it, elsewhere
function report.watched(fn)
  return is_development and function(c) return errors.rethrow(xpcall(fn, witness, c)) end or fn
end

local function witnessed_of(co, err)
  local seen = co and witnessed[co]
  return seen and rawequal(seen.err, err) and seen or nil
end

-- The error, its traceback, and the line of the app's that the stack tells.
local function untraced(err)
  if getmetatable(err) == Traced then
    return err.err, err.trace, err.at
  end
  return err, nil, nil
end

-- A table that is no error of ours says nothing of itself: what it is meant to be can be seen.
local function shown_table(err)
  local ok, json = pcall(core.json_encode, err)
  local status = type(rawget(err, "status")) == "number" and rawget(err, "status") or 404
  return ("a table was raised that is no error: %s. Write c:fail(%d, message), or rille.fail where there is no c"):format(
    ok and json or tostring(err), status)
end

-- What an error says of itself: __tostring may return anything, or fail.
local function text_of(err)
  if type(err) == "table" and getmetatable(err) == nil then
    return shown_table(err)
  end
  local ok, text = pcall(tostring, err)
  local kind = type(text)
  return ok and (kind == "string" or kind == "number") and "" .. text or ("a %s without words"):format(type(err))
end

-- The lines around a fault: of the place that its own words begin with, as Lua's do, else
-- of where it was raised.
local function source_of(err, at)
  local said = type(err) == "string" and err:match "^([^\n]-:%d+): "
  local text = said and place.excerpt(said)
  if text then
    return text
  end
  return at and place.excerpt(at) or nil
end

-- The line of its statement that the server points at, or else all of it.
local function statement_of(err)
  return errors.is(err) and (err.excerpt or err.sql) or nil
end

-- What its request had asked the database; nil for nothing.
local function statements_of(request_id)
  local list = timeline.statements(request_id)
  for i, one in ipairs(list) do
    list[i] = { sql = one.text, at = one.at, ms = one.ms, rows = one.rows, failed = one.failed, alike = one.repeated }
  end
  return list[1] and list or nil
end

-- What the client may know of a fault: nothing, outside of development.
local function internal(err, fault)
  local told = errors.new {
    code = "internal", status = errors.is(err) and err.status or 500, message = "internal error", cause = err, fault = fault,
  }
  if is_development then
    told.message = fault.error
    told.details = fault.sql
      and { at = fault.at, sql = fault.sql, source = fault.source, statements = fault.statements }
  end
  return told
end

-- A report of what a late request waited for (rille.deadlock), which is made for nobody but who writes the app.
local function shown_report(err, fault)
  return errors.new { code = err.code, status = err.status, message = err.message, cause = err, fault = fault }
end

-- What the log is to say of a fault.
local function fault_of(err, happened, co, trace, at)
  local fault = setmetatable({ message = happened.what, error = text_of(err), request_id = happened.request_id }, Fault)
  if errors.is(err) and rawget(err, "at") ~= nil then
    at, trace = err.at or happened.at, err.trace or trace
    fault.at = at
  end
  fault.spawned_at, fault.schedule, fault.run = happened.spawned_at, happened.schedule, happened.run
  fault.route = happened.route
  local seen = witnessed_of(co, err)
  fault.trace = trace or seen and seen.trace or co and debug.traceback(co) or nil
  if is_development then
    fault.source, fault.sql = source_of(err, at or seen and seen.at or co and place.nearest(co)), statement_of(err)
    fault.frames = seen and seen.frames or co and frames.of(co, err) or {}
    fault.statements = statements_of(happened.request_id)
  end
  return fault
end

--- The error that the client is answered with. When it is a fault, report.tell writes
-- the log: whoever answers may have expected it.
-- @param err what was raised, or what report.traced made of it
-- @tparam table happened `what`, in words; `request_id`; `route`, "GET /posts/:id"; `spawned_at`, of a task; `schedule`
-- and `run`; `at`: where the function begins that was called, for what a stack does not tell
-- @tparam[opt] thread co the coroutine that failed
-- @treturn table an error table
function report.shown(err, happened, co)
  local trace, at
  err, trace, at = untraced(err)
  if errors.is(err) and rawget(err, "is_report") then
    return shown_report(err, fault_of(err, happened, co, trace, at))
  elseif not errors.is(err) or not may_be_known(err) then
    return internal(err, fault_of(err, happened, co, trace, at))
  end
  if err.status >= 500 and err.detail then
    core.log("error", err.message, "error", err.detail, "request_id", happened.request_id)
  end
  return err
end

local function write(fault)
  core.log("error", fault.message, "error", fault.error, "at", fault.at, "request_id", fault.request_id, "sql", fault.sql,
    "source", fault.source, "spawned_at", fault.spawned_at, "schedule", fault.schedule, "run", fault.run, "trace", fault.trace)
end

--- Write a fault to the log; nothing of an error that is none.
-- @tparam table err what report.shown returned
function report.tell(err)
  if getmetatable(err.fault) == Fault then
    write(err.fault)
  end
end

--- Write an error to the log that nobody is answered with, whatever it is.
-- @param err what was raised, or what report.traced made of it
-- @tparam table happened as for report.shown
-- @tparam[opt] string trace the traceback, if the error has none
function report.unanswered(err, happened, trace)
  local own, at
  err, own, at = untraced(err)
  happened.request_id = happened.request_id or behalf.request_id()
  write(fault_of(err, happened, nil, own or trace, at))
end

return report
