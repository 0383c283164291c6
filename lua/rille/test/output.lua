--- How a run is told: by busted's output handlers, one on the terminal and any number into files.
--
--     -o TAP                       that one, on the terminal
--     -o junit:build/report.xml    that one, into the file; the terminal is told as ever
local contents = require "rille.contents"
local diff = require "rille.test.diff"
local nearest = require "rille.nearest"
local colours = require "term.colors" -- busted's own needs
local term = require "term"

local output = {}

local NAMES = { "utfTerminal", "plainTerminal", "TAP", "json", "junit", "gtest" }

-- ---- into a file -----------------------------------------------------------------

-- Without colours, and with the control bytes that XML has no way to say as Lua would write them.
local function plain(message)
  if type(message) ~= "string" then
    return message
  end
  return (message:gsub("\27%[[%d;]*m", ""):gsub("[%z\1-\8\11\12\14-\31]", function(byte)
    return ("\\%d"):format(byte:byte())
  end))
end

-- busted's handlers write to Lua's default output.
local function writing_to(file, fn)
  return function(element, parent, message, ...)
    local before = io.output()
    io.output(file)
    local ok, first, second = pcall(fn, element, parent, plain(message), ...)
    file:flush()
    io.output(before)
    if not ok then
      error(first, 0)
    end
    return first, second
  end
end

-- What `fn` has busted call writes into that file.
local function subscribing_for(busted, file, fn, ...)
  local api, subscribe = busted.api, busted.subscribe
  function api.subscribe(channel, callback, given)
    return subscribe(channel, writing_to(file, callback), given)
  end
  local ok, result = pcall(fn, ...)
  api.subscribe = subscribe
  if not ok then
    error(result, 0)
  end
  return result
end

local function into_file(busted, one, options)
  options = setmetatable({ arguments = {} }, { __index = options })
  local handler = subscribing_for(busted, one.file, one.make, options)
  return {
    subscribe = function() subscribing_for(busted, one.file, handler.subscribe, handler, options) end,
  }
end

-- ---- on the terminal -------------------------------------------------------------

local function on_terminal(one, options)
  local handler = one.make(options)
  local format = handler.format
  if one.name == "utfTerminal" and term.isatty(io.stdout) then
    function handler.format(element, parent, message, ...)
      return format(element, parent, type(message) == "string" and diff.coloured(message, colours) or message, ...)
    end
  end
  return handler
end

local function add_slowest(busted, count)
  local seen = {}
  busted.subscribe({ "test", "end" }, function(element)
    local names, parent = { element.name }, busted.context.parent(element)
    while parent and parent.descriptor ~= "file" and parent.descriptor ~= "suite" do
      table.insert(names, 1, parent.name or parent.descriptor)
      parent = busted.context.parent(parent)
    end
    seen[#seen + 1] = { name = table.concat(names, " "), took = element.duration or 0, trace = element.trace, number = #seen }
    return nil, true
  end)
  busted.subscribe({ "exit" }, function()
    table.sort(seen, function(a, b)
      if a.took ~= b.took then
        return a.took > b.took
      end
      return a.number < b.number
    end)
    io.stdout:flush()
    io.stderr:write("# slowest examples:\n")
    for i = 1, math.min(count, #seen) do
      local one = seen[i]
      io.stderr:write(("# %9.3f s  %s (%s:%d)\n"):format(one.took, one.name, one.trace.short_src, one.trace.currentline))
    end
    return nil, true
  end)
end

-- ---- both -------------------------------------------------------------------------

-- As busted spells what is one of its own, in whatever case it was written.
local function spelt(name)
  for _, one in ipairs(NAMES) do
    if one:lower() == name:lower() then
      return one
    end
  end
  return name
end

-- One of busted's, a module of somebody's, or a file.
local function load_handler(name)
  if name:match "%.lua$" then
    return contents.exists(name) and dofile(name) or nil
  end
  for _, module in ipairs { "busted.outputHandlers." .. name, name } do
    local ok, handler = pcall(require, module)
    if ok and type(handler) == "function" then
      return handler
    elseif not ok and not tostring(handler):find(("module '%s' not found"):format(module), 1, true) then
      error(handler, 0)
    end
  end
end

local function open(wanted)
  local name = spelt(wanted.name)
  local one = { name = name, make = load_handler(name), file = nil }
  if not one.make then
    local meant = nearest.of(one.name, NAMES)
    error(("there is no output '%s'%s: there are %s, and modules and files that you write"):format(one.name,
      meant and (", did you mean '%s'?"):format(meant) or "", table.concat(NAMES, ", ")), 0)
  end
  if wanted.file then
    local file, why = io.open(wanted.file, "w")
    one.file = file or error(("cannot write the output %s: %s"):format(one.name, why), 0)
  elseif name == "junit" then
    one.file = io.stdout -- for programs there, too
  end
  return one
end

--- Those that were asked for.
-- @tparam table given rille.test.options
-- @treturn {table,...} for `handler`
-- @raise a string for an output that there is not, and a file that cannot be written
function output.open(given)
  local chosen = { has_terminal = false }
  for i, wanted in ipairs(given.outputs) do
    chosen[i] = open(wanted)
    chosen.has_terminal = chosen.has_terminal or not wanted.file
  end
  return chosen
end

--- One output handler of a busted's that does the work of all.
-- @tparam table busted
-- @tparam {table,...} chosen as `open` returned them
-- @tparam ?integer slowest how many of the examples that took longest are named at the end
-- @treturn function
function output.handler(busted, chosen, slowest)
  return function(options)
    if not chosen.has_terminal then
      table.insert(chosen, 1, open { name = options.defaultOutput })
    end
    if slowest then
      add_slowest(busted, slowest)
    end
    local handlers = {}
    for i, one in ipairs(chosen) do
      handlers[i] = one.file and into_file(busted, one, options) or on_terminal(one, options)
    end
    return {
      subscribe = function(_, given_options)
        for _, handler in ipairs(handlers) do
          handler:subscribe(given_options)
        end
      end,
    }
  end
end

return output
