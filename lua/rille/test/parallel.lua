--- `--parallel N`: N files at a time, each with a database that nobody else has.
--
--     files --> N slots: a process each, started from a thread --> reports, told in the files' order
--               a copy of the database each
--
-- What a file prints is held back until it is its turn to be told.
local clone = require "rille.test.clone"
local process = require "rille.test.process"
local sync = require "rille.sync"
local tasks = require "rille.task"
local threads = require "rille.threads"

local parallel = {}

local A_DAY = 86400 -- seconds: how long a file takes is for whoever waits to say
local PIECE = 64 * 1024

local function tell(path)
  local file = io.open(path, "rb")
  if not file then
    return
  end
  for bytes in function() return file:read(PIECE) end do
    io.stdout:write(bytes)
  end
  file:close()
  io.stdout:flush()
end

-- One file, when there is a slot; nil when nobody wants it any more. **Yields.**
local function run(self, path)
  return self.gate:with(function()
    if self.is_over then
      return nil
    end
    local slot, output = table.remove(self.free), os.tmpname()
    local ok, report = pcall(process.run, self.given, path, {
      database_url = slot.copy and slot.copy.url,
      execute = function(command)
        return self.threads:submit("os", "execute", ("{ %s; } >%s 2>&1"):format(command, output)):await()
      end,
    })
    self.free[#self.free + 1] = slot
    if not ok then
      os.remove(output)
      error(report, 0)
    end
    report.output = output
    self.is_over = self.is_over or report.interrupted
    return report
  end)
end

local function add_slots(self, count, database_url)
  for i = 1, count do
    self.slots[i] = { copy = database_url and clone.of(database_url) or nil }
    self.free[i] = self.slots[i]
  end
end

local function begin(self, files)
  for _, path in ipairs(files) do
    self.tasks[path] = self.tasks[path] or tasks.spawn(run, self, path)
  end
end

local function fetch(self, path)
  local task = self.tasks[path] or tasks.spawn(run, self, path) -- its second time, with --repeat
  self.tasks[path] = nil
  local report = task:await()
  if report then
    tell(report.output)
    os.remove(report.output)
  end
  return report
end

local function close(self)
  self.is_over = true
  for _, task in pairs(self.tasks) do
    local ok, report = pcall(task.await, task)
    if ok and report then
      os.remove(report.output)
    end
  end
  self.threads:close()
  for _, slot in ipairs(self.slots) do
    if slot.copy then
      clone.remove(slot.copy)
    end
  end
end

--- Run `fn(run_file)`, where run_file(path) -> report, as of rille.test.process. All files are begun in their order, and
-- waited for in any. **Yields.**
-- @tparam table given rille.test.options
-- @tparam {string,...} files
-- @tparam ?string database_url what each slot has a copy of
-- @tparam function fn
-- @return what `fn` returns; a report is nil for a file that did not run, since another was interrupted
-- @raise what `fn` raised; who else is connected to the database, and keeps it from being copied
function parallel.with(given, files, database_url, fn)
  local count = math.min(given.parallel, #files)
  local self = {
    given = given, gate = sync.semaphore(count), slots = {}, free = {}, is_over = false, tasks = {},
    threads = threads.new { size = count, queue = count, timeout = A_DAY },
  }
  local ok, result = pcall(function()
    add_slots(self, count, database_url)
    begin(self, files)
    return fn(function(path) return fetch(self, path) end)
  end)
  close(self)
  if not ok then
    error(result, 0)
  end
  return result
end

return parallel
