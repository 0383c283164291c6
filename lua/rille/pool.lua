--- Worker pools: how much of one kind of work runs at a time, and what becomes of the rest.
--
--     submit --> queue (a channel, `queue` tasks) --> workers (`min` to `max`)
--                  full: on_full                        one task each at a time
--
-- A worker is made when a task would have to wait and there are fewer than `max`; it goes
-- when it has had nothing to do for `idle`, down to `min`. The pool belongs to the app:
-- what was submitted goes on when the request that did so is over.
local channel = require "rille.channel"
local errors = require "rille.error"
local line = require "rille.line"
local method = require "rille.method"
local nearest = require "rille.nearest"
local slip = require "rille.slip"
local tasks = require "rille.task"
local unit = require "rille.unit"

local pool = {}

local Pool = { __name = "rille.pool" }
Pool.__index = Pool

local POLICIES = { wait = true, error = true, drop_new = true, drop_oldest = true, run_here = true }
local DEFAULTS = { min = 0, max = 16, queue = 1024, idle = 60, on_full = "wait" }
local OPTIONS = { "min", "max", "queue", "idle", "on_full" }

local function refuse(message, ...)
  error(("rille.pool: " .. message):format(...), 4)
end

local function check_count(options, name, least)
  local value = options[name]
  if type(value) ~= "number" or value < least or value % 1 ~= 0 then
    refuse("%s is an integer from %d on: got %s", name, least, tostring(value))
  end
end

local function checked(options)
  for name in pairs(options) do
    if DEFAULTS[name] == nil then
      local meant = nearest.of(tostring(name), OPTIONS)
      refuse("there is no option '%s': %s", tostring(name),
        meant and ("did you mean '%s'?"):format(meant) or "there are " .. table.concat(OPTIONS, ", "))
    end
  end
  setmetatable(options, { __index = DEFAULTS })
  check_count(options, "min", 0)
  check_count(options, "max", 1)
  check_count(options, "queue", 0)
  if options.min > options.max then
    refuse("min is %d, and max is only %d", options.min, options.max)
  elseif not POLICIES[options.on_full] then
    refuse("on_full is 'wait', 'error', 'drop_new', 'drop_oldest' or 'run_here': got '%s'", tostring(options.on_full))
  end
  return options
end

--- A pool of workers.
-- @tparam[opt] table options `min` (0) and `max` (16) workers; `queue` (1024): how many tasks may wait;
--   `idle` (60 s): how long a worker stays with nothing to do; `on_full` ("wait"): what becomes of a
--   task for which the queue has no room
-- @treturn Pool
function pool.new(options)
  if options ~= nil and type(options) ~= "table" then
    error("rille.pool takes a table of options: got a " .. type(options), 2)
  end
  local given = {}
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  checked(given)
  return setmetatable({
    min = given.min, max = given.max, on_full = given.on_full, idle_seconds = unit.seconds(given.idle, 2),
    queue = channel.new(given.queue), workers = 0, running = 0, is_closed = false, ended = line.new(),
    counts = { submitted = 0, done = 0, failed = 0, dropped = 0, refused = 0, ran_here = 0 },
  }, Pool)
end

-- ---- workers -------------------------------------------------------------------

local function run(self, task)
  if task.is_done then -- cancelled while it waited
    return
  end
  self.running = self.running + 1
  tasks.begin(task)
  tasks.join(task)
  self.running = self.running - 1
  local counts = self.counts
  counts.done = counts.done + 1
  counts.failed = counts.failed + (task.failure and 1 or 0)
end

-- The next task; nil when the worker is not needed any more.
local function next_task(self)
  while true do
    local task, why = self.queue:recv(self.idle_seconds)
    if task or why == "closed" or self.workers > self.min then
      return task
    end
  end
end

local function worker_gone(self, ...)
  self.workers = self.workers - 1
  if self.workers == 0 then
    line.wake_all(self.ended)
  end
  return errors.rethrow(...)
end

local function work(self, task)
  while task do
    run(self, task)
    task = next_task(self)
  end
end

local function add_worker(self, task)
  self.workers = self.workers + 1
  tasks.background(function() worker_gone(self, pcall(work, self, task)) end)
end

-- ---- when there is no room --------------------------------------------------------

local function overloaded(message)
  return errors.new { code = "overloaded", status = 503, message = message }
end

local FULL = {}

function FULL.wait(self, task)
  local ok, err = pcall(self.queue.send, self.queue, task) -- the pool may be closed meanwhile, or this cancelled
  if not ok then
    task.is_awaited = true
    tasks.refuse(task, err)
    error(err, 0)
  end
end

FULL["error"] = function(self, task)
  self.counts.refused = self.counts.refused + 1
  task.is_awaited = true
  tasks.refuse(task, errors.CANCELLED)
  error(overloaded "the pool's queue is full", 0)
end

function FULL.drop_new(self, task)
  self.counts.dropped = self.counts.dropped + 1
  task.is_awaited = true -- to drop it was the policy: no failure to report
  tasks.refuse(task, overloaded "dropped: the pool's queue was full")
end

function FULL.drop_oldest(self, task)
  local oldest = self.queue:try_recv()
  if not oldest then -- there is no queue at all
    return FULL.drop_new(self, task)
  end
  if not oldest.is_done then
    self.counts.dropped = self.counts.dropped + 1
    oldest.is_awaited = true
    tasks.refuse(oldest, overloaded "dropped: a newer task took its place in the pool's queue")
  end
  self.queue:send(task)
end

function FULL.run_here(self, task)
  self.counts.ran_here = self.counts.ran_here + 1
  tasks.begin(task)
  tasks.join(task)
end

-- ---- for the app -------------------------------------------------------------------

--- Have `fn(...)` run by one of the workers. **May yield**: with `on_full = "wait"` until the queue has room,
-- with `"run_here"` until it has run.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task `task:await()` gives its results; it raises `overloaded` when it was dropped
-- @raise `overloaded` with `on_full = "error"` when the queue is full; `closed` when the pool is
function Pool:submit(fn, ...)
  if self.is_closed then
    error(errors.new { code = "closed", message = "the pool is closed" }, 0)
  end
  local task = tasks.prepare(fn, ...)
  self.counts.submitted = self.counts.submitted + 1
  if self.workers < self.max and not line.is_waited(self.queue.receivers) then
    add_worker(self, task)
  elseif not self.queue:try_send(task) then
    FULL[self.on_full](self, task)
  end
  return task
end

--- What the pool does, and has done.
-- @treturn table workers, running, queued now; submitted, done, failed (of the done), dropped, refused and
--   ran_here since it was made
function Pool:stats()
  local stats = { workers = self.workers, running = self.running, queued = self.queue:len() }
  for name, count in pairs(self.counts) do
    stats[name] = count
  end
  return stats
end

--- Take no more, and wait until all that was submitted has run. **Yields.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil when something runs still
-- @treturn ?string then "timeout"
function Pool:close(timeout)
  local ms = timeout and unit.seconds(timeout, 2) * 1000
  if not self.is_closed then
    self.is_closed = true
    self.queue:close()
  end
  if self.workers > 0 and not line.stand(self.ended, false, ms) then
    return nil, "timeout"
  end
  return true
end

slip.guard(Pool, "a pool", "submit stats close", "")
method.guard(Pool, function(value) return getmetatable(value) == Pool end, "pool", { "submit", "stats", "close" })

return pool
