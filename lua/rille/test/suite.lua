--- Several spec files: each in a process of its own, their results told as one
-- run by whatever output handler busted was asked for.
--
--     this process: busted --file--> its process: busted --report--> examples, replayed here
--
-- A fresh process is a fresh VM, whatever the file before it loaded, patched or
-- left behind. What a file prints goes straight to the terminal.
local core = require "rille.core"
local lfs = require "lfs" -- busted's own need
local quoted = require("rille.program").quoted

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

-- ---- one file's process -------------------------------------------------------------

local function read_file(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  return text or ""
end

-- The flags of settings that this process was started with: C took them out of our words.
local function setting_flags(words)
  local flags, next_word, skip = {}, 1, 2
  for argument in read_file("/proc/self/cmdline"):gmatch "([^%z]*)%z" do
    if skip > 0 then
      skip = skip - 1
    elseif argument == words[next_word] then
      next_word = next_word + 1
    elseif argument ~= "--" then
      flags[#flags + 1] = argument
    end
  end
  return flags
end

local function command_line(given, path, report)
  local pid = read_file("/proc/self/stat"):match "^%d+"
  local words = { ("exec /proc/%s/exe spec"):format(pid) }
  for _, flag in ipairs(setting_flags(given.words)) do
    words[#words + 1] = quoted(flag)
  end
  words[#words + 1] = "--"
  for _, word in ipairs(given:words_for_file(path, report)) do
    words[#words + 1] = quoted(word)
  end
  return table.concat(words, " ")
end

local function ending_of(status)
  local signal = status % 128
  if signal ~= 0 then
    return ("was ended by signal %d"):format(signal)
  end
  return ("ended with status %d"):format(math.floor(status / 256))
end

local function read_report(path)
  local events = {}
  for line in read_file(path):gmatch "([^\n]+)\n" do
    events[#events + 1] = core.json_decode(line)
  end
  return events
end

-- Events to examples: { path, name, trace, status, message, duration }, and errors beside them.
local function gather(events)
  local report = { examples = {}, errors = {}, is_over = false }
  local current, failures = nil, 0
  for _, event in ipairs(events) do
    if event.event == "start" then
      current = { path = event.path, name = event.name, trace = event.trace, status = "success" }
    elseif event.event == "end" then
      current.status, current.duration = event.status, event.duration
      report.examples[#report.examples + 1] = current
      current = nil
    elseif event.event == "over" then
      report.is_over = true
    elseif current and (event.descriptor == "it" or event.event == "pending") then
      current.message, current.message_trace = event.message, event.trace
    else
      report.errors[#report.errors + 1] = event
    end
    failures = failures + ((event.event == "failure" or event.event == "error") and 1 or 0)
  end
  report.failures, report.unfinished = failures, current and current.name
  return report
end

--- Run one file in a process of its own. **Blocks.**
-- @tparam table given rille.test.options
-- @tparam string path
-- @treturn table examples, errors, and `interrupted` when it was ended from the keyboard
function suite.run_file(given, path)
  local report_path = os.tmpname()
  io.stdout:flush()
  local status = os.execute(command_line(given, path, report_path) .. " </dev/null")
  local report = gather(read_report(report_path))
  os.remove(report_path)
  report.interrupted = status % 128 == 2
  if not report.is_over or (status ~= 0 and report.failures == 0) then
    local place = report.unfinished and (' in "%s"'):format(report.unfinished)
    report.errors[#report.errors + 1] = {
      descriptor = "file", name = path, path = {},
      message = ("the process of %s %s%s"):format(path, ending_of(status),
        place or report.is_over and "" or " before its examples were over"),
    }
  end
  return report
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
-- @tparam function run_file run_file(path) -> report
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
