--- Threads for Lua that computes, or blocks: each with a VM of its own, beside the worker's loop.
--
--     submit --> rille.pool: a queue --> rille.resources: OS threads --> lua/rille/thread.lua in another VM
--                  `size` at a time        kept for `idle`                 module.fn(args, job)
--
-- Nothing is shared: arguments, progress and results are copied. A job that is cancelled, or has taken its time,
-- is interrupted (core/vm/thread.h says what can be); one that goes on all the same is left behind with its thread.
local core = require "rille.core"
local errors = require "rille.error"
local method = require "rille.method"
local module = require "rille.module"
local option = require "rille.option"
local pool = require "rille.pool"
local resources = require "rille.resources"
local slip = require "rille.slip"
local tasks = require "rille.task"
local unit = require "rille.unit"
local wait = require "rille.wait"

local threads = {}

local Threads = { __name = "rille.threads" }
Threads.__index = Threads

local KINDS = {
  size = option.count(1, 2), queue = option.count(0, 1024), memory = option.size(256 * 2 ^ 20),
  on_full = option.one_of({ "wait", "error", "drop_new", "drop_oldest" }, "wait"), idle = option.duration(60),
  timeout = option.duration(300),
}
local SUBMIT_KINDS = { on_progress = option.fn(), timeout = option.duration() }

local LEAST_MEMORY = 4 * 2 ^ 20 -- a VM with the framework takes a good megabyte
local GRACE = 1            -- seconds for an interrupted job to end
local INTERRUPT_MS = 50    -- until it is interrupted again
local MOST_ABANDONED = 16  -- threads that go on for nobody: more would take the machine

--- Threads.
-- @tparam[opt] table options `size` (2): how many of each worker's; `queue` (1024) jobs may wait for one, and `on_full`
--   ("wait") as for rille.pool, but "run_here"; `memory` (256M): of each thread's VM; `idle` (60 s): how long a thread stays
--   with nothing to do; `timeout` (5 min): how long a job may run
-- @treturn Threads
function threads.new(options)
  local given = option.read("rille.threads", options, KINDS, 2)
  if given.memory < LEAST_MEMORY then
    error(("rille.threads: memory is %d bytes at least, some of which the VM itself takes: got %d"):format(LEAST_MEMORY,
      given.memory), 2)
  end
  local self = setmetatable({
    given = given, root = module.root(2) or core.settings and core.settings.app_dir or ".", setup = false,
    abandoned = 0, interrupted = 0,
  }, Threads)
  self.pool = pool.new { max = given.size, queue = given.queue, on_full = given.on_full, idle = given.idle }
  self.hands = resources.new {
    create = function() return core.thread_open(self.setup, given.memory) end,
    destroy = core.thread_close, max = given.size, idle = given.idle, lifetime = 0, leak_after = 0, acquire_timeout = 30,
  }
  return self
end

-- ---- one job, in a task of its own ----------------------------------------------------------

-- What is there of news: the end's bytes, or nil.
local function take_news(thread, on_progress)
  while true do
    local what, bytes = core.thread_news(thread)
    if what ~= "progress" then
      return bytes
    elseif on_progress then
      on_progress(core.unpack(bytes))
    end
  end
end

local function follow(thread, on_progress)
  while true do
    local bytes = take_news(thread, on_progress)
    if bytes then
      return bytes
    end
    wait.won(core.thread_wait(thread))
  end
end

-- Whether it ends when it is told to.
local function interrupt(thread)
  local over_at = core.uptime() + GRACE
  repeat
    core.thread_interrupt(thread)
    wait.won(core.thread_wait(thread, INTERRUPT_MS))
    if take_news(thread) then
      return true
    end
  until core.uptime() >= over_at
  return false
end

local function abandon(self, call)
  self.abandoned = self.abandoned + 1
  core.log("warn", "a job of rille.threads does not end: its thread is left behind, and goes on until the server stops", "job",
    ("%s.%s"):format(call.module, call.fn), "abandoned", self.abandoned)
end

-- When this raises, the thread has had its day: nobody knows what state the job's modules are in.
local function drive(thread, self, call)
  core.thread_run(thread, call.input)
  local ok, bytes = pcall(follow, thread, call.on_progress)
  if not ok then
    self.interrupted = self.interrupted + 1
    if not tasks.shield(interrupt, thread) then
      abandon(self, call)
    end
    error(bytes, 0)
  end
  return bytes
end

local function failure(self, call, outcome)
  local err = outcome.err or {}
  if outcome.how == "memory" then
    err.message = ("not enough memory: rille.threads { memory = … } gives each thread %g MB"):format(self.given.memory / 2 ^ 20)
  end
  return errors.new {
    code = err.code or "job_failed", status = err.status, details = err.details, is_public = err.is_public,
    message = err.message or "the thread could not run it", at = ("%s.%s"):format(call.module, call.fn), trace = outcome.trace,
  }
end

local function run(self, call)
  core.set_deadline(call.timeout)
  local bytes = self.hands:with(drive, self, call)
  local outcome = bytes == "" and { how = "memory" } or core.unpack(bytes)
  if outcome.how ~= "returned" then
    error(failure(self, call, outcome), 0)
  end
  return outcome.value
end

-- ---- for the app -------------------------------------------------------------------------------

-- What each thread begins with; the settings are known once the app is being loaded.
local function pack_setup(self)
  local settings = {}
  for name, value in pairs(core.settings or {}) do
    settings[name] = value
  end
  return assert(core.pack { settings = settings, root = self.root })
end

local function check_names(name, fn)
  if type(name) ~= "string" or type(fn) ~= "string" then
    error(("threads:submit(\"jobs.thumbnail\", \"render\", args) takes the names of a module and of its function: a thread has "
      .. "modules of its own. Got a %s and a %s"):format(type(name), type(fn)), 3)
  end
end

--- Have a thread run `require(module)[fn](args, job)`. In there, nothing waits: no queries, no rille.sleep; `job:progress(v)`
-- tells of the work, `job:cancelled()` says whether anybody wants it still. What is submitted belongs to the app, as with
-- rille.pool. **May yield**: with `on_full = "wait"` until the queue has room.
-- @tparam string name of a module, from the folder of the app
-- @tparam string fn of a function in it
-- @param[opt] args what the function is given: texts, numbers, booleans, rille.null, tables of them
-- @tparam[opt] table options `on_progress(value)`: called in the order of the job's progress, and may wait; what it raises
--   ends the job. `timeout`: how long the job may run
-- @treturn Task `await` gives what the function returned; it raises what that raised, with the thread's traceback;
--   `timeout`; `cancelled`. `cancel` interrupts the job
-- @raise `overloaded` with `on_full = "error"` when the queue is full; `closed`
function Threads:submit(name, fn, args, options)
  check_names(name, fn)
  local given = option.read("threads:submit", options, SUBMIT_KINDS, 2)
  local input, wrong = core.pack { module = name, fn = fn, args = args }
  if not input then
    error("threads:submit: " .. wrong, 2)
  end
  pool.check_open(self.pool)
  if self.abandoned >= MOST_ABANDONED then
    error(errors.new { code = "overloaded", status = 503, message = ("%d threads did not end, and are left behind: no more are "
      .. "started. Jobs want a bound of their own"):format(self.abandoned) }, 0)
  end
  self.setup = self.setup or pack_setup(self)
  local task = tasks.prepare(run, self, {
    module = name, fn = fn, input = input, on_progress = given.on_progress, timeout = given.timeout or self.given.timeout,
  })
  pool.enter(self.pool, task)
  return task
end

--- What the threads do, and have done.
-- @treturn table threads, running, queued now; submitted, done, failed (of the done), dropped, refused, interrupted and
--   abandoned (did not end) since they were made
function Threads:stats()
  local now = self.pool:stats()
  return {
    threads = self.hands:stats().open, running = now.running, queued = now.queued, submitted = now.submitted,
    done = now.done, failed = now.failed, dropped = now.dropped, refused = now.refused,
    interrupted = self.interrupted, abandoned = self.abandoned,
  }
end

--- Take no more, and wait until all that was submitted has run. **Yields.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil when something runs still
-- @treturn ?string then "timeout"
function Threads:close(timeout)
  local seconds = timeout and unit.seconds(timeout, 2)
  local ok, why = self.pool:close(seconds)
  if ok then
    self.hands:close()
  end
  return ok, why
end

local NAMES = { "submit", "stats", "close" }
slip.guard(Threads, "threads", table.concat(NAMES, " "), "")
method.guard(Threads, "threads", NAMES)

return threads
