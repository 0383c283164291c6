--- One spec file in a process of its own, and what that reported.
local contents = require "rille.contents"
local core = require "rille.core"
local quoted = require("rille.program").quoted

local process = {}

-- The flags of settings that this process was started with: C took them out of our words.
local function setting_flags(words)
  local flags, next_word, skip = {}, 1, 2
  for argument in (contents.of "/proc/self/cmdline" or ""):gmatch "([^%z]*)%z" do
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

-- Without the database that they name, whose place another takes.
local function without_database(flags)
  local left, i = {}, 1
  while i <= #flags do
    if flags[i] == "--database-url" then
      i = i + 1
    elseif flags[i]:sub(1, 15) ~= "--database-url=" then
      left[#left + 1] = flags[i]
    end
    i = i + 1
  end
  return left
end

--- The shell's words for this very program with these words, and the settings that we were given.
-- @tparam table given rille.test.options
-- @tparam {string,...} words
-- @tparam[opt] string database_url instead of ours; no other user of the machine sees it
-- @treturn string
function process.command(given, words, database_url)
  local pid = contents.of("/proc/self/stat"):match "^%d+"
  local parts = { ("exec /proc/%s/exe spec"):format(pid) }
  local flags = setting_flags(given.words)
  if database_url then
    table.insert(parts, 1, ("DATABASE_URL=%s"):format(quoted(database_url)))
    flags = without_database(flags)
  end
  for _, list in ipairs { flags, { "--" }, words } do
    for _, word in ipairs(list) do
      parts[#parts + 1] = quoted(word)
    end
  end
  return table.concat(parts, " ")
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
  for line in (contents.of(path) or ""):gmatch "([^\n]+)\n" do
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
    elseif event.event == "coverage" then
      report.coverage = event.files
    elseif event.event == "loads" then
      report.loads = event.files
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

-- Here, while nothing else happens, its words straight to the terminal.
local function run_here(command)
  io.stdout:flush()
  return os.execute(command)
end

--- Run one file.
-- @tparam table given rille.test.options
-- @tparam string path
-- @tparam[opt] table slot where: `execute(command)` -> as os.execute; `database_url`; without it here, which **blocks**
-- @treturn table examples, errors; `interrupted` when it was ended from the keyboard; `coverage`, of rille.test.coverage;
-- `loads`, of rille.test.loads
function process.run(given, path, slot)
  slot = slot or { execute = run_here }
  local report_path = os.tmpname()
  local command = process.command(given, given:words_for_file(path, report_path), slot.database_url)
  local status = slot.execute(command .. " </dev/null")
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

return process
