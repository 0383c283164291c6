--- Worker pools: how much of one kind of work runs at a time, and what becomes of the rest.
--
--     submit --> queue (a channel, `queue` tasks) --> workers (`min` to `max`)
--                  full: on_full                        one task each at a time
--
-- A worker is made when a task would have to wait and there are fewer than `max`; it goes
-- when it has had nothing to do for `idle`, down to `min`. The pool belongs to the app:
-- what was submitted goes on when the request that did so is over.
--
-- One that is pulled has no workers: who wants something done asks for so many of
-- the tasks, and they run as his own.
local channel = require "rille.channel"
local errors = require "rille.error"
local lifecycle = require "rille.lifecycle"
local line = require "rille.line"
local method = require "rille.method"
local option = require "rille.option"
local place = require "rille.place"
local slip = require "rille.slip"
local tasks = require "rille.task"
local unit = require "rille.unit"

local pool = {}

local Pool = { __name = "rille.pool" }
Pool.__index = Pool

local POLICIES = { "wait", "error", "drop_new", "drop_oldest", "run_here" }
local KINDS = {
  min = option.count(0, 0), max = option.count(1, 16), queue = option.count(0, 1024), idle = option.duration(60),
  on_full = option.one_of(POLICIES, "wait"), pull = option.switch(),
}

-- What a worker receives that is to go.
local LEAVE = {}

-- The server stops: workers that have nothing to do keep it no longer.
local function stop(self)
  self.min, self.idle_seconds = 0, 0
  while self.queue:has_receivers() do
    self.queue:try_send(LEAVE)
  end
end

--- A pool of workers.
-- @tparam[opt] table options `min` (0) and `max` (16) workers; `queue` (1024): how many tasks may wait;
--   `idle` (60 s): how long a worker stays with nothing to do; `on_full` ("wait"): what becomes of a
--   task for which the queue has no room; `pull` (false): nothing runs until pool:request asks for it, and
--   `max` is how many of one request's tasks run at a time
-- @treturn Pool
function pool.new(options)
  local given = option.read("rille.pool", options, KINDS, 2)
  if given.min > given.max then
    error(("rille.pool: min is %d, and max is only %d"):format(given.min, given.max), 2)
  elseif given.pull and (options.min or options.idle) then
    error("rille.pool: one that is pulled has no workers of its own: leave min and idle out", 2)
  end
  local self = setmetatable({
    min = given.min, max = given.max, on_full = given.on_full, idle_seconds = given.idle, is_pulled = given.pull or false,
    made_at = place.nearest() or false, -- by Rille itself
    queue = channel.new(given.queue), workers = 0, running = 0, is_closed = false, ended = line.new(),
    counts = { submitted = 0, done = 0, failed = 0, dropped = 0, refused = 0, ran_here = 0 },
  }, Pool)
  if not given.pull then
    lifecycle.at_stop(self, stop)
  end
  return self
end

-- ---- workers -------------------------------------------------------------------

-- How much there is still to do before the pool has closed.
local function left(self)
  return self.is_pulled and self.running + self.queue:len() or self.workers
end

local function look_whether_ended(self)
  if self.is_closed and left(self) == 0 then
    line.wake_all(self.ended)
  end
end

local function has_run(self, task, ...)
  local counts = self.counts
  self.running = self.running - 1
  counts.done = counts.done + 1
  counts.failed = counts.failed + (tasks.has_failed(task) and 1 or 0)
  look_whether_ended(self)
  return errors.rethrow(...)
end

local function run(self, task)
  if task:done() then -- cancelled while it waited
    return
  end
  self.running = self.running + 1
  tasks.begin(task)
  has_run(self, task, pcall(tasks.join, task))
end

-- The next task; nil when the worker is not needed any more.
local function next_task(self)
  while true do
    -- who is to stay needs no time: while he waits, no other worker is added
    local task, why = self.queue:recv(self.workers > self.min and self.idle_seconds or nil)
    if task == LEAVE then
      return nil
    elseif task or why == "closed" or self.workers > self.min then
      return task
    end
  end
end

local function worker_gone(self, ...)
  self.workers = self.workers - 1
  look_whether_ended(self)
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
  tasks.background_for(self.made_at, function() worker_gone(self, pcall(work, self, task)) end)
end

-- ---- pulled ----------------------------------------------------------------------

-- Beside whoever asked, who hears of its end.
local function run_for(order, task)
  run(order.pool, task)
  order.done:send(task)
end

local function take(order, task)
  if not task then -- closed, and empty
    order.left = 0
  elseif not task:done() then
    order.left, order.running = order.left - 1, order.running + 1
    tasks.answer_for(task) -- whoever takes it is told how it ended
    tasks.spawn(run_for, order, task)
  end
end

-- The next of an order's tasks that has ended; nil after the last.
local function next_ended(order)
  local self = order.pool
  while order.left > 0 or order.running > 0 do
    local wants = order.left > 0 and order.running < self.max
    local case, task = channel.select { order.done, wants and self.queue or nil }
    if case == 1 then
      order.running = order.running - 1
      return task
    end
    take(order, task)
  end
  look_whether_ended(self)
end

-- ---- when there is no room --------------------------------------------------------

local function overloaded(message)
  return errors.new { code = "overloaded", status = 503, message = message }
end

local FULL = {}

function FULL.wait(self, task)
  local ok, err = pcall(self.queue.send, self.queue, task) -- the pool may be closed meanwhile, or this cancelled
  if not ok then
    tasks.refuse(task, err)
    error(err, 0)
  end
end

FULL["error"] = function(self, task)
  self.counts.refused = self.counts.refused + 1
  tasks.refuse(task, errors.CANCELLED)
  error(overloaded "the pool's queue is full", 0)
end

function FULL.drop_new(self, task)
  self.counts.dropped = self.counts.dropped + 1
  tasks.refuse(task, overloaded "dropped: the pool's queue was full")
end

function FULL.drop_oldest(self, task)
  local oldest = self.queue:try_recv()
  if not oldest then -- there is no queue at all
    return FULL.drop_new(self, task)
  end
  if not oldest:done() then
    self.counts.dropped = self.counts.dropped + 1
    tasks.refuse(oldest, overloaded "dropped: a newer task took its place in the pool's queue")
  end
  self.queue:send(task)
end

function FULL.run_here(self, task)
  self.counts.ran_here = self.counts.ran_here + 1
  tasks.begin(task)
  tasks.join(task)
end

-- ---- for rille.threads ----------------------------------------------------------------

--- @raise `closed`
-- @local
function pool.check_open(self)
  if self.is_closed then
    error(errors.new { code = "closed", message = "the pool is closed" }, 0)
  end
end

--- Have a prepared task run, or wait for its turn.
-- @local
function pool.enter(self, task)
  self.counts.submitted = self.counts.submitted + 1
  if not self.is_pulled and self.workers < self.max and not self.queue:has_receivers() then
    add_worker(self, task)
  elseif not self.queue:try_send(task) then
    FULL[self.on_full](self, task)
  end
end

-- ---- for the app -------------------------------------------------------------------

--- Have `fn(...)` run by one of the workers. **May yield**: with `on_full = "wait"` until the queue has room,
-- with `"run_here"` until it has run.
-- @tparam function fn
-- @param ... its arguments
-- @treturn Task `task:await()` gives its results; it raises `overloaded` when it was dropped
-- @raise `overloaded` with `on_full = "error"` when the queue is full; `closed` when the pool is
function Pool:submit(fn, ...)
  pool.check_open(self)
  local task = tasks.prepare(fn, ...)
  pool.enter(self, task)
  return task
end

--- Take what has been submitted, as much of it as you want: in a pool that is pulled, nothing else makes it run.
-- So who takes sets the pace, and `on_full` hands it on to those who submit. **Yields** between tasks.
--
--     for task in pool:request(100) do
--       local ok, row = pcall(task.await, task)
--
-- Tasks begin in the order in which they were submitted, `max` of them at a time, each before it is asked for: so a
-- loop that is left has at most `max` under way. They run as tasks of whoever takes them, and end with him. Of several
-- who ask, whoever waits longest is given the next one.
-- @tparam integer n how many at most: fewer when the pool is closed, and none is left
-- @treturn function the iterator: gives tasks that have ended, the first to end first
function Pool:request(n)
  if not self.is_pulled then
    error("pool:request(n) is for a pool that is pulled: rille.pool { pull = true, … }", 2)
  elseif type(n) ~= "number" or n < 1 or n % 1 ~= 0 then
    error("pool:request(n) takes how many tasks are wanted, an integer from 1 on: got " .. tostring(n), 2)
  end
  return next_ended, { pool = self, left = n, running = 0, done = channel.new(self.max) }
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

--- Take no more, and wait until all that was submitted has run; in one that is pulled, until somebody has
-- taken it. **Yields.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil when something runs still
-- @treturn ?string then "timeout"
function Pool:close(timeout)
  local ms = unit.ms(timeout)
  if not self.is_closed then
    self.is_closed = true
    self.queue:close()
  end
  if left(self) > 0 and not line.stand(self.ended, false, ms) then
    return nil, "timeout"
  end
  return true
end

slip.guard(Pool, "a pool", "submit request stats close", "")
method.guard(Pool, "pool", { "submit", "request", "stats", "close" })

return pool
