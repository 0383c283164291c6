--- A file's process: its results, line by line in JSON, for the process that
-- collects them. It is one of busted's output handlers.
local core = require "rille.core"
local coverage = require "rille.test.coverage"
local loads = require "rille.test.loads"

-- JSON holds text that is UTF-8; what specs compare may be anything.
local function printable(text)
  if text == nil then
    return nil
  end
  text = tostring(text)
  local ok = pcall(core.json_encode, text)
  return ok and text or (text:gsub("[\128-\255]", function(byte) return ("\\x%02X"):format(byte:byte()) end))
end

local function trace_of(trace)
  return trace and {
    short_src = trace.short_src, currentline = trace.currentline, traceback = printable(trace.traceback),
    message = type(trace.message) == "string" and printable(trace.message) or nil,
  } or nil
end

return function(given)
  local busted = require "busted"
  local file = assert(io.open(given.arguments[1], "w"))

  local function write(event)
    file:write(core.json_encode(event), "\n")
    file:flush()
    return nil, true
  end

  -- The names of the describes around an element, from the outside in.
  local function names_around(element)
    local names, parent = {}, busted.parent(element)
    while parent and parent.descriptor ~= "file" and parent.descriptor ~= "suite" do
      table.insert(names, 1, printable(parent.name or parent.descriptor))
      parent = busted.parent(parent)
    end
    return core.array(names)
  end

  local function failed(status)
    return function(element, _, message, trace)
      return write {
        event = status, descriptor = element.descriptor, name = printable(element.name), path = names_around(element),
        message = printable(message), trace = trace_of(trace),
      }
    end
  end

  return {
    subscribe = function()
      busted.subscribe({ "test", "start" }, function(element)
        return write {
          event = "start", name = printable(element.name), path = names_around(element), trace = trace_of(element.trace),
        }
      end)
      busted.subscribe({ "test", "end" }, function(element, _, status)
        return write { event = "end", status = status, duration = element.duration }
      end)
      busted.subscribe({ "failure" }, failed "failure")
      busted.subscribe({ "error" }, failed "error")
      busted.subscribe({ "pending" }, failed "pending")
      busted.subscribe({ "suite", "end" }, function()
        if loads.records() then
          write { event = "loads", files = core.array(loads.list()) }
        end
        if coverage.counts() then
          write { event = "coverage", files = core.array(coverage.counted()) }
        end
        return write { event = "over" }
      end)
    end,
  }
end
