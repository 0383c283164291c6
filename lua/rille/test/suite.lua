--- Several spec files: each in a process of its own, their results told as one
-- run by whatever output handler busted was asked for.
--
--     this process: busted --file--> its process: busted --report--> examples, replayed here
--
-- A fresh process is a fresh VM, whatever the file before it loaded, patched or
-- left behind. What a file prints goes straight to the terminal.
local lfs = require "lfs" -- busted's own need

local suite = {}

-- ---- which files -----------------------------------------------------------------

--- The spec files below the given paths, as busted would find them.
-- @tparam table given rille.test.options
-- @treturn {string,...}
function suite.files(given)
  local silent = { publish = function() end }
  local _, _, find = require "busted.modules.test_file_loader"(silent, { "lua" })
  local files = {}
  for _, path in ipairs(given.paths) do
    local is_there = lfs.attributes(path, "mode") ~= nil -- if not, busted will say so
    local found = is_there and find({ path }, given.patterns, { excludes = given.excludes, recursive = given.is_recursive })
    for _, one in ipairs(found or { path }) do
      files[#files + 1] = one
    end
  end
  return files
end

-- ---- replaying ------------------------------------------------------------------------

-- Examples by the describes around them.
local function tree_of(examples)
  local root = { children = {}, by_name = {} }
  for _, one in ipairs(examples) do
    local node = root
    for _, name in ipairs(one.path) do
      if not node.by_name[name] then
        local child = { name = name, children = {}, by_name = {} }
        node.by_name[name] = child
        node.children[#node.children + 1] = child
      end
      node = node.by_name[name]
    end
    node.children[#node.children + 1] = { example = one }
  end
  return root
end

local function newest_child(busted)
  local children = busted.context.children(busted.context.get())
  return children[#children]
end

local function register(busted, node, outcomes)
  for _, child in ipairs(node.children) do
    if child.example then
      busted.executors.it(child.example.name, function() end)
      local element = newest_child(busted)
      if element then -- a filter may have taken it out
        element.trace = child.example.trace
        outcomes[element] = child.example
      end
    else
      busted.executors.describe(child.name, function() register(busted, child, outcomes) end)
    end
  end
end

local function replay_errors(busted, file, errors)
  for _, one in ipairs(errors) do
    local names = {}
    for _, name in ipairs(one.path) do
      names[#names + 1] = name
    end
    names[#names + 1] = one.name or one.descriptor
    local trace = one.trace or { short_src = file.name, currentline = 0, traceback = "" }
    local element = { descriptor = one.descriptor or "file", name = table.concat(names, " "), trace = trace }
    if element.descriptor == "it" then
      element.descriptor = "example" -- its hooks failed: it has no line of its own
    end
    busted.publish({ "error", element.descriptor }, element, file, one.message, trace)
  end
end

local function replay_example(busted, element, one)
  element.starttick = busted.monotime() - (one.duration or 0)
  if one.status ~= "success" then
    busted.publish({ one.status, element.descriptor }, element, busted.context.parent(element), one.message,
      one.message_trace or one.trace)
  end
  return busted.status(one.status)
end

--- Have busted replay files instead of running them.
-- @tparam table busted
-- @tparam function run_file run_file(path) -> report, as of rille.test.process
function suite.replay(busted, run_file)
  local safe, outcomes = busted.safe, {}
  function busted.safe(descriptor, run, element)
    if descriptor == "file" and run == element.run then
      return safe(descriptor, function()
        local report = run_file(element.name)
        replay_errors(busted, element, report.errors)
        register(busted, tree_of(report.examples), outcomes)
      end, element)
    elseif descriptor == "it" and run == element.run and outcomes[element] then
      return replay_example(busted, element, outcomes[element])
    end
    return safe(descriptor, run, element)
  end
end

return suite
