--- Resource pools: things that are costly to make, lent to one borrower at a time.
--
--     with, acquire --> idle ones, the last one back first --check--> lent --release--> first in line, or idle
--                `--> a line, first come first served
--
-- What is behind the counter is rille.stock's. Who waits does so as with rille.pool and rille.channel, in a rille.line.
-- (The database's connections have a pool in C, which all workers of a process share.)
local cleanup = require "rille.cleanup"
local core = require "rille.core"
local errors = require "rille.error"
local lifecycle = require "rille.lifecycle"
local line = require "rille.line"
local method = require "rille.method"
local option = require "rille.option"
local place = require "rille.place"
local slip = require "rille.slip"
local stock = require "rille.stock"
local tasks = require "rille.task"
local unit = require "rille.unit"

local Resources = { __name = "rille.resources" }
Resources.__index = Resources

local resources = { class = Resources }

local KINDS = {
  create = option.fn(), destroy = option.fn(), check = option.fn(),
  max = option.count(1, 8), min_idle = option.count(0, 0), queue = option.count(0, 1024),
  idle = option.duration(600), lifetime = option.duration(1800),
  acquire_timeout = option.duration(3), leak_after = option.duration(60),
}

local CLOSED = {} -- what somebody in line is given when the pool was closed

-- ---- lending ------------------------------------------------------------------------------

local function too_late(self)
  self.counts.timeouts = self.counts.timeouts + 1
  error(stock.overloaded("no resource became free within %g s: %d of %d are lent (rille.resources at %s)",
    self.options.acquire_timeout, self:stats().in_use, self.options.max, self.made_at), 0)
end

local function wait_in_line(self, over_at)
  if self.waiting_count >= self.options.queue then
    self.counts.refused = self.counts.refused + 1
    error(stock.overloaded("%d wait for a resource already (rille.resources at %s)", self.waiting_count, self.made_at), 0)
  end
  local left = over_at - core.uptime()
  if left <= 0 then
    too_late(self)
  end
  self.waiting_count = self.waiting_count + 1
  stock.supply(self)
  local ok, is_woken, entry = pcall(line.stand, self.waiting, false, left * 1000)
  if ok and is_woken then
    return entry
  end
  self.waiting_count = self.waiting_count - 1
  if not ok then
    error(is_woken, 0)
  end
  too_late(self)
end

local function closed()
  return errors.new { code = "closed", message = "the pool of resources is closed" }
end

local function next_entry(self, over_at)
  if self.is_closed then
    error(closed(), 0)
  end
  local entry = table.remove(self.idle) or wait_in_line(self, over_at)
  if entry == CLOSED then
    error(closed(), 0)
  elseif entry.failure then
    error(entry.failure, 0)
  end
  return entry
end

-- Whether an entry is fit to be lent; else it is on its way out.
local function is_fit(self, entry, over_at)
  local check = self.options.check
  if entry.is_fresh or not check and entry.expires_at > core.uptime() then
    entry.is_fresh = false
    return true
  end
  local ok, is_good = false, false
  if check and entry.expires_at > core.uptime() then
    ok, is_good = pcall(tasks.timeout, math.max(0, over_at - core.uptime()), check, entry.value)
  end
  if ok and is_good then
    return true
  end
  self.counts.unfit = self.counts.unfit + 1
  stock.destroy(self, entry)
  if not ok and core.why() then
    error(is_good, 0)
  end
  return false
end

-- `fn`: what it is taken for, if that is known. `taker`: who takes it; a tail call of his hides that.
local function acquire(self, fn, taker, taker_line)
  local over_at = core.uptime() + self.options.acquire_timeout
  local entry
  repeat
    entry = next_entry(self, over_at)
  until is_fit(self, entry, over_at)
  entry.lent_at, entry.fn, entry.taker, entry.taker_line, entry.is_told = core.uptime(), fn, taker, taker_line, false
  self.lent[entry.value] = entry
  self.counts.acquired = self.counts.acquired + 1
  if self.options.leak_after > 0 then
    stock.nudge(self, entry.lent_at + self.options.leak_after)
  end
  return entry
end

-- A borrower is done with it, well or not: after a failure nobody knows what state it is in, but `check`.
local function take_back(self, entry, is_well)
  self.lent[entry.value] = nil
  if entry.holder then
    entry.holder[entry], entry.holder = nil, nil
  end
  if is_well or self.options.check then
    stock.put(self, entry)
  else
    stock.destroy(self, entry)
  end
end

--- Told the line that took a resource when its request or task ends with it.
-- @treturn boolean whether that is told to people elsewhere (rille.leaks)
-- @local
function resources.on_left()
  return false
end

-- Its request or task is over, and these are lent still.
local function take_back_left(self, held)
  for entry in pairs(held) do
    self.counts.left = self.counts.left + 1
    local taken_at = stock.taken_at(entry)
    if not resources.on_left(taken_at) then
      core.log("warn", "a request or task ended with a resource that it had not given back", "taken_at", taken_at, "pool",
        self.made_at)
    end
    take_back(self, entry, false)
  end
end

local function held_here(self)
  local owner = tasks.owner()
  if not owner then
    return nil
  end
  local held = self.held_by[owner]
  if not held then
    held = {}
    self.held_by[owner] = held
    cleanup.add(owner, take_back_left, self, held)
  end
  return held
end

-- ---- for the app ------------------------------------------------------------------------------

--- A pool of resources: of whatever is costly to make.
-- @tparam table options `create()` makes one, and `destroy(resource)` ends it; `check(resource)` says whether an idle one
--   is fit to be lent. All three may wait, each for `acquire_timeout`. There are `max` (8) of them at most, of which
--   `min_idle` (0) stay, from the first use on; any other ends when it was idle for `idle` (10 min), and every one after
--   `lifetime` (30 min, give or take a tenth; 0: never). A borrower waits for `acquire_timeout` (3 s), and `queue` (1024)
--   of them at most. A loan of more than `leak_after` (60 s; 0: never) is logged with the line that took it
-- @treturn Resources
function resources.new(options)
  local given = option.read("rille.resources", options, KINDS, 2)
  if not given.create then
    error("rille.resources: create is missing, a function that makes one", 2)
  elseif given.min_idle > given.max then
    error(("rille.resources: min_idle is %d, and max is only %d"):format(given.min_idle, given.max), 2)
  end
  local self = setmetatable(stock.new(given, place.at(2)), Resources)
  self.held_by = setmetatable({}, { __mode = "k" }) -- what acquire gave, by the request or task that has it
  lifecycle.at_stop(self, stock.clear) -- tasks that end meanwhile may still borrow
  return self
end

local function returned(self, entry, ok, ...)
  if self.lent[entry.value] == entry then -- else it was given back inside
    take_back(self, entry, ok)
  end
  return errors.rethrow(ok, ...)
end

--- Run `fn(resource, ...)` with a resource, which is given back however `fn` ends. When `fn` raises and there is no
-- `check`, the resource is destroyed: nobody knows what state it is in. **May yield.**
-- @tparam function fn
-- @param ... more arguments
-- @return what `fn` returns
-- @raise `overloaded` (503) when none became free in time, or too many wait; what `create` raised; `closed`
function Resources:with(fn, ...)
  if type(fn) ~= "function" then
    error("resources:with takes a function, and calls it with the resource: got a " .. type(fn), 2)
  end
  local entry = acquire(self, fn, core.caller(2))
  return returned(self, entry, pcall(fn, entry.value, ...))
end

--- Borrow a resource, when a function will not do. What is not given back by the end of the request or task is taken
-- back then, with a warning. **May yield.**
-- @return the resource
-- @raise as Resources:with
function Resources:acquire()
  local entry = acquire(self, nil, core.caller(2))
  local held = held_here(self)
  if held then
    held[entry], entry.holder = true, held
  end
  return entry.value
end

local function entry_of(self, resource, call)
  local entry = resource ~= nil and self.lent[resource]
  if not entry then
    error(("resources:%s: this one is not lent: it was given back already, or is not of this pool"):format(call), 3)
  end
  return entry
end

--- Give a resource back that resources:acquire gave.
-- @param resource
-- @raise when it is not lent
function Resources:release(resource)
  take_back(self, entry_of(self, resource, "release"), true)
end

--- Give a resource back that is broken: it is destroyed. Inside of resources:with, too.
-- @param resource
-- @raise when it is not lent
function Resources:discard(resource)
  local entry = entry_of(self, resource, "discard")
  entry.expires_at = 0
  take_back(self, entry, true)
end

--- What the pool holds, and has done.
-- @treturn table open, idle, in_use, creating, waiting now; acquired, created, destroyed, failed (create raised), unfit
--   (by `check`), timeouts and refused (of borrowers), leaked (lent for long) and left (not given back) since it was made
function Resources:stats()
  local in_use = 0
  for _ in pairs(self.lent) do
    in_use = in_use + 1
  end
  local stats = {
    open = self.open, idle = #self.idle, in_use = in_use, creating = self.creating, waiting = self.waiting_count,
  }
  for name, count in pairs(self.counts) do
    stats[name] = count
  end
  return stats
end

--- Lend no more, and wait until all that is lent has come back and was destroyed. Those who wait in line are told. **Yields.**
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil when some are lent still
-- @treturn ?string then "timeout"
function Resources:close(timeout)
  local ms = unit.ms(timeout)
  self.is_closed = true
  stock.clear(self)
  while stock.hand_over(self, CLOSED) do end
  if self.open > 0 and not line.stand(self.ended, false, ms) then
    return nil, "timeout"
  end
  return true
end

local NAMES = { "with", "acquire", "release", "discard", "stats", "close" }
slip.guard(Resources, "a pool of resources", table.concat(NAMES, " "), "")
method.guard(Resources, "resources", NAMES)

return resources
