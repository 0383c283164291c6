--- Locks and their kin, between the tasks of one worker.
-- All are fair: who waited longest goes first, and is handed what it waits for in
-- the moment it is given back, so that nobody who comes later gets between.
-- None of them is needed to guard plain Lua between two waits: nothing else runs there.
local errors = require "rille.error"
local line = require "rille.line"
local method = require "rille.method"
local slip = require "rille.slip"
local unit = require "rille.unit"

local wake, first = line.wake, line.first

local sync = {}

local function class(name)
  local Class = { __name = name }
  Class.__index = Class
  return Class
end

-- Stand in line until woken: true; or nil and "timeout". A report of who waits finds `self` here.
local function wait_in(self, ms)
  if not line.stand(self.waiting, false, ms) then
    return nil, "timeout"
  end
  return true
end

local function returned(release, self, ...)
  release(self)
  return errors.rethrow(...)
end

-- Run `fn(...)` between `acquire` and `release`, which comes however `fn` ends.
local function run_within(self, acquire, release, fn, ...)
  if type(fn) ~= "function" then
    error("with takes a function, and calls it: got a " .. type(fn), 3)
  end
  acquire(self)
  return returned(release, self, pcall(fn, ...))
end

-- ---- semaphore -----------------------------------------------------------------

local Semaphore = class "semaphore"

--- A semaphore: at most `count` tasks hold one of its permits at a time.
-- @tparam integer count
-- @treturn Semaphore
function sync.semaphore(count)
  if type(count) ~= "number" or count < 1 or count % 1 ~= 0 then
    error("a semaphore has a number of permits, an integer from 1 on: got " .. tostring(count), 2)
  end
  return setmetatable({ free = count, count = count, waiting = line.new() }, Semaphore)
end

--- Take a permit, when one is free at once.
-- @treturn boolean whether there was one
function Semaphore:try_acquire()
  if self.free == 0 then
    return false
  end
  self.free = self.free - 1
  return true
end

--- Take a permit; waits until one is free. **May yield.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "timeout"
function Semaphore:acquire(timeout)
  local ms = unit.ms(timeout)
  if self.free > 0 then
    self.free = self.free - 1
    return true
  end
  return wait_in(self, ms)
end

--- Give a permit back.
-- @raise when all have been given back already
function Semaphore:release()
  if self.free == self.count then
    error("semaphore:release(): none of its permits is taken", 2)
  elseif not wake(self.waiting) then
    self.free = self.free + 1
  end
end

--- Run `fn(...)` with a permit, which is given back however `fn` ends. **May yield.**
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function Semaphore:with(fn, ...)
  return run_within(self, Semaphore.acquire, Semaphore.release, fn, ...)
end

-- ---- mutex ---------------------------------------------------------------------

local Mutex = class "mutex"

--- A mutex: one task at a time holds it. It is not reentrant.
-- @treturn Mutex
function sync.mutex()
  return setmetatable({ is_locked = false, waiting = line.new() }, Mutex)
end

--- Lock it, when nobody else has.
-- @treturn boolean whether it is ours now
function Mutex:try_lock()
  local was_free = not self.is_locked
  self.is_locked = true
  return was_free
end

--- Lock it; waits until it is free. **May yield.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "timeout"
function Mutex:lock(timeout)
  local ms = unit.ms(timeout)
  if not self.is_locked then
    self.is_locked = true
    return true
  end
  return wait_in(self, ms)
end

--- Unlock it: it belongs at once to who has waited longest.
-- @raise when it is not locked
function Mutex:unlock()
  if not self.is_locked then
    error("mutex:unlock(): it is not locked", 2)
  end
  if not wake(self.waiting) then
    self.is_locked = false
  end
end

--- Run `fn(...)` while it is locked; it is unlocked however `fn` ends. **May yield.**
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function Mutex:with(fn, ...)
  return run_within(self, Mutex.lock, Mutex.unlock, fn, ...)
end

-- ---- read-write lock -------------------------------------------------------------

local RWLock = class "rwlock"

local READS, WRITES = {}, {}

--- A lock that many readers share, or one writer holds alone. A reader who comes while a
-- writer waits stands behind it, so that readers cannot keep writers out for ever.
-- @treturn RWLock
function sync.rwlock()
  return setmetatable({ readers = 0, is_written = false, waiting = line.new() }, RWLock)
end

-- Let in whoever is first in line: one writer, or all readers before the next writer.
local function let_in(self)
  local is_waited, wants = first(self.waiting)
  while is_waited and not self.is_written and (wants == READS or self.readers == 0) do
    wake(self.waiting)
    if wants == WRITES then
      self.is_written = true
    else
      self.readers = self.readers + 1
    end
    is_waited, wants = first(self.waiting)
  end
end

-- A reader who stood behind a writer that gave up need not wait any more.
local function wait_for(self, wants, ms)
  local ok, woken = pcall(line.stand, self.waiting, wants, ms)
  if not (ok and woken) then
    let_in(self)
    if not ok then
      error(woken, 0)
    end
    return nil, "timeout"
  end
  return true
end

--- Lock it for reading, beside other readers. **May yield.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "timeout"
function RWLock:read_lock(timeout)
  local ms = unit.ms(timeout)
  if not self.is_written and not first(self.waiting) then
    self.readers = self.readers + 1
    return true
  end
  return wait_for(self, READS, ms)
end

--- @raise when nobody has locked it for reading
function RWLock:read_unlock()
  if self.readers == 0 then
    error("rwlock:read_unlock(): nobody reads", 2)
  end
  self.readers = self.readers - 1
  let_in(self)
end

--- Lock it for writing, alone. **May yield.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "timeout"
function RWLock:lock(timeout)
  local ms = unit.ms(timeout)
  if not self.is_written and self.readers == 0 and not first(self.waiting) then
    self.is_written = true
    return true
  end
  return wait_for(self, WRITES, ms)
end

--- @raise when nobody has locked it for writing
function RWLock:unlock()
  if not self.is_written then
    error("rwlock:unlock(): nobody writes", 2)
  end
  self.is_written = false
  let_in(self)
end

--- Run `fn(...)` beside other readers. **May yield.**
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function RWLock:read_with(fn, ...)
  return run_within(self, RWLock.read_lock, RWLock.read_unlock, fn, ...)
end

--- Run `fn(...)` alone. **May yield.**
-- @tparam function fn
-- @param ... its arguments
-- @return what it returns
function RWLock:with(fn, ...)
  return run_within(self, RWLock.lock, RWLock.unlock, fn, ...)
end

-- ---- wait group ------------------------------------------------------------------

local WaitGroup = class "wait_group"

--- Counts what is under way, for whoever waits until nothing is.
-- @treturn WaitGroup
function sync.wait_group()
  return setmetatable({ count = 0, waiting = line.new() }, WaitGroup)
end

local function add(self, count)
  if type(count) ~= "number" or count % 1 ~= 0 then
    error("wait_group:add takes how many more are under way, an integer: got " .. tostring(count), 3)
  end
  local sum = self.count + count
  if sum < 0 then
    error("wait_group: more are done than were added", 3)
  end
  self.count = sum
  if sum == 0 then
    line.wake_all(self.waiting)
  end
end

--- Note that `count` more are under way (default: 1).
-- @tparam[opt=1] integer count
-- @raise when fewer than none would be
function WaitGroup:add(count)
  add(self, count or 1)
end

--- Note that one is done.
-- @raise when all were already
function WaitGroup:done()
  add(self, -1)
end

--- Wait until nothing is under way. **May yield.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "timeout"
function WaitGroup:wait(timeout)
  local ms = unit.ms(timeout)
  if self.count == 0 then
    return true
  end
  return wait_in(self, ms)
end

-- ---- condition -------------------------------------------------------------------

local Condition = class "condition"

--- A place to wait until somebody says that something has changed.
-- Look again behind each wait: `while #queue == 0 do changed:wait() end`.
-- @treturn Condition
function sync.condition()
  return setmetatable({ waiting = line.new() }, Condition)
end

--- Wait until somebody signals. **Yields.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "timeout"
function Condition:wait(timeout)
  return wait_in(self, unit.ms(timeout))
end

--- Wake who has waited longest.
-- @treturn boolean whether somebody waited
function Condition:signal()
  return (wake(self.waiting))
end

--- Wake all who wait.
function Condition:broadcast()
  line.wake_all(self.waiting)
end

-- Class, what it is called, its methods.
for _, one in ipairs {
  { Semaphore, "a semaphore", "with acquire try_acquire release" },
  { Mutex, "a mutex", "with lock try_lock unlock" },
  { RWLock, "a read-write lock", "read_with with read_lock read_unlock lock unlock" },
  { WaitGroup, "a wait group", "add done wait" },
  { Condition, "a condition", "wait signal broadcast" },
} do
  local Class, names = one[1], {}
  for name in one[3]:gmatch "%S+" do
    names[#names + 1] = name
  end
  slip.guard(Class, one[2], one[3], "")
  method.guard(Class, Class.__name, names)
end

return sync
