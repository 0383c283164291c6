--- The log: `rille.log.info("order placed", { order = 7 })`.
--
-- What is written for a request, in its handler or in a task of it, in the app's own modules too, carries the request's id.
local behalf = require "rille.behalf"
local core = require "rille.core"
local keys = require "rille.keys"
local slip = require "rille.slip"

local log = {}

local MOST_FACTS = 16 -- beside the request's id

-- A log line must not fail the request that it is about: what JSON cannot hold is
-- written as Lua names it.
local function shown(value)
  if type(value) == "number" or type(value) == "boolean" then
    return value
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local is_json, text = pcall(core.json_encode, value)
  return is_json and text or tostring(value)
end

-- Name and value of each in turn: the names in order, so that lines of one call look alike, and the request's id last.
local function flat(values, request_id)
  local out = {}
  for i, name in ipairs(keys.sorted(values)) do
    if i > MOST_FACTS then
      break
    end
    out[2 * i - 1], out[2 * i] = name, values[name]
  end
  if request_id then
    out[#out + 1], out[#out + 2] = "request_id", shown(request_id)
  end
  return unpack(out)
end

-- An app may log whatever a client sent: that is no id, and none of the log's own facts.
local function write(level, message, fields, facts)
  local values, request_id = {}, facts.request_id or behalf.request_id() or fields.request_id
  for _, some in ipairs { fields, facts } do
    for key, value in pairs(some) do
      values[tostring(key)] = shown(value)
    end
  end
  values.request_id = nil
  core.log(level, tostring(message), flat(values, request_id))
end

local LEVELS = { "debug", "info", "warn", "error" }

-- Calls and names that a log does not have say so.
local function strict(one)
  return setmetatable(one, {
    __index = function(_, key)
      error((slip.text("the log", key, LEVELS)), 2)
    end,
    __call = function()
      error("the log is written by level: write log.info(message, fields)", 2)
    end,
  })
end

local function check(one, level, message, fields)
  if message == one then
    error(("the log is written with a dot: log.%s(message, fields)"):format(level), 3)
  elseif fields ~= nil and type(fields) ~= "table" then
    error(("log.%s takes a message and a table of facts, as in { order = 7 }: got a %s"):format(level, type(fields)), 3)
  end
end

for _, level in ipairs(LEVELS) do
  --- Write one line.
  -- @tparam string message
  -- @tparam[opt] table fields at most 16 facts beside it
  log[level] = function(message, fields)
    check(log, level, message, fields)
    write(level, message, fields or {}, {})
  end
end

--- A log that adds `facts` to each of its lines: c.log carries the request id.
-- @tparam table facts
-- @treturn Log with debug, info, warn, error
function log.with(facts)
  local more = {}
  for _, level in ipairs(LEVELS) do
    more[level] = function(message, fields)
      check(more, level, message, fields)
      write(level, message, fields or {}, facts)
    end
  end
  return strict(more)
end

return strict(log)
