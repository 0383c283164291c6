--- What is told of an error, and to whom: all of it to the log, and to the
-- client what it may know.
local core = require "rille.core"
local errors = require "rille.error"

local report = {}

local is_development = core.settings and core.settings.env == "development"

local Traced = {}

--- For xpcall: the error, with the traceback of where it was raised beside it.
function report.traced(err)
  if errors.is(err) then
    return err
  end
  return setmetatable({ err = err, trace = debug.traceback("", 2) }, Traced)
end

-- The error, and its traceback.
local function untraced(err)
  if getmetatable(err) == Traced then
    return err.err, err.trace
  end
  return err, nil
end

-- What an error says of itself: __tostring may return anything, or fail.
local function text_of(err)
  local ok, text = pcall(tostring, err)
  local kind = type(text)
  return ok and (kind == "string" or kind == "number") and "" .. text or ("a %s without words"):format(type(err))
end

local function may_be_known(err)
  return err.is_public or err.status < 500 or err.status == 503 or err.status == 504
end

-- What the client may know of a fault: nothing, outside of development.
local function internal(err)
  return errors.new {
    code = "internal", status = errors.is(err) and err.status or 500,
    message = is_development and text_of(err) or "internal error", cause = err,
  }
end

--- The error that the client is answered with; a fault goes to the log.
-- @param err what was raised, or what report.traced made of it
-- @tparam string where it happened
-- @tparam string request_id
-- @tparam[opt] thread co the coroutine that failed
-- @treturn table an error table
function report.shown(err, where, request_id, co)
  local trace
  err, trace = untraced(err)
  if not errors.is(err) or not may_be_known(err) then
    core.log("error", "fault in " .. where, "error", text_of(err), "request_id", request_id, "trace",
      trace or co and debug.traceback(co) or nil)
    return internal(err)
  end
  if err.status >= 500 and err.detail then
    core.log("error", err.message, "error", err.detail, "request_id", request_id)
  end
  return err
end

return report
