--- What a pool of resources has in stock: making them, keeping them ready, and their end.
--
--     create --> first in line, or idle --lent, and put back--> ...
--                     `--> destroy: idle for too long, too old, unfit, or the pool is over
--
-- Resources are made and ended in the background: a borrower who leaves meanwhile loses nothing. rille.resources
-- lends them; the table of its state, which it makes with stock.new, is the one that is handed around here.
local core = require "rille.core"
local errors = require "rille.error"
local line = require "rille.line"
local place = require "rille.place"
local report = require "rille.report"
local tasks = require "rille.task"

local stock = {}

local JITTER = 0.1      -- of a lifetime, more or less: those made together must not all end together
local EPSILON = 0.0005  -- seconds: timers go by milliseconds
local RETRY_PAUSE = 5   -- seconds until what is to be kept ready is tried again

--- The state of a new pool.
-- @tparam table options of rille.resources, complete
-- @tparam string made_at where
-- @treturn table
function stock.new(options, made_at)
  return {
    options = options, made_at = made_at, is_closed = false, is_stopping = false,
    waiting = line.new(), waiting_count = 0, ended = line.new(),
    known = {}, idle = {}, lent = {}, open = 0, ending = 0, creating = 0, -- open counts those that are ending
    keeper = false, keeper_until = 0, nudged = line.new(), retry_at = 0,
    counts = {
      acquired = 0, created = 0, destroyed = 0, failed = 0, unfit = 0, timeouts = 0, refused = 0, leaked = 0, left = 0,
    },
  }
end

function stock.overloaded(message, ...)
  return errors.new { code = "overloaded", status = 503, message = message:format(...) }
end

-- ---- in line -------------------------------------------------------------------------

--- Give the first in line what he waits for, or what became of it.
-- @treturn boolean whether somebody waited
function stock.hand_over(self, value)
  local is_taken = line.give(self.waiting, value)
  if is_taken then
    self.waiting_count = self.waiting_count - 1
  end
  return is_taken
end

-- A function of the app's, which may not take for ever.
local function limited(self, name, fn, ...)
  local seconds = self.options.acquire_timeout
  local ok, result = pcall(tasks.timeout, seconds, fn, ...)
  if not ok and result == errors.TIMEOUT then
    result = stock.overloaded("%s took longer than acquire_timeout, %g s (rille.resources at %s)", name, seconds, self.made_at)
  end
  return ok, result
end

-- ---- looking after those that are idle, and those that are not ----------------------------

-- How many there are, without those that are being destroyed.
local function live(self)
  return self.open - self.ending
end

local function end_idle(self, now)
  local idle, next_at, i = self.idle, math.huge, 1
  while i <= #idle do -- those that are idle longest come first
    local entry = idle[i]
    local may_go = live(self) > self.options.min_idle
    local ends_at = math.min(entry.expires_at, may_go and entry.idle_since + self.options.idle or math.huge)
    if ends_at <= now + EPSILON then
      table.remove(idle, i)
      stock.destroy(self, entry)
    else
      next_at, i = math.min(next_at, ends_at), i + 1
    end
  end
  return next_at
end

--- Which line has one that is lent.
-- @treturn string
function stock.taken_at(entry)
  return entry.taker and place.of(entry.taker, entry.taker_line) or entry.fn and place.of(entry.fn) or "?"
end

local function tell_leak(self, entry, now)
  entry.is_told = true
  self.counts.leaked = self.counts.leaked + 1
  core.log("warn", "a resource is lent for long: it was not given back, or its work takes so long", "taken_at",
    stock.taken_at(entry), "pool", self.made_at, "seconds", math.floor(now - entry.lent_at + 0.5))
end

local function tell_leaks(self, now)
  local after, next_at = self.options.leak_after, math.huge
  for _, entry in pairs(after > 0 and self.lent or {}) do
    local at = entry.lent_at + after
    if entry.is_told then -- once is enough
      at = math.huge
    elseif at <= now + EPSILON then
      tell_leak(self, entry, now)
      at = math.huge
    end
    next_at = math.min(next_at, at)
  end
  return next_at
end

local function keep_ready(self, now)
  if live(self) + self.creating >= self.options.min_idle then
    return math.huge
  elseif self.retry_at <= now + EPSILON then
    stock.supply(self)
    return math.huge
  end
  return self.retry_at
end

-- Do what is due, and wait until the next thing is; until there is none.
local function keep(self)
  while true do
    local now = core.uptime()
    local next_at = math.min(end_idle(self, now), tell_leaks(self, now), keep_ready(self, now))
    if next_at == math.huge then
      return
    end
    self.keeper_until = next_at
    line.stand(self.nudged, false, (next_at - now) * 1000)
  end
end

local function keeper_gone(self, ...)
  self.keeper = false
  return errors.rethrow(...)
end

--- Something is due then: have a keeper that knows of it.
function stock.nudge(self, at)
  if at == math.huge or self.is_stopping or self.is_closed then
    return
  elseif not self.keeper then
    self.keeper_until = at
    self.keeper = tasks.background_for(self.made_at, function() keeper_gone(self, pcall(keep, self)) end)
  elseif at < self.keeper_until then
    line.wake(self.nudged)
  end
end

--- Nothing is kept idle any more.
function stock.clear(self)
  self.is_stopping = true
  if self.keeper then
    self.keeper:cancel()
  end
  while #self.idle > 0 do
    stock.destroy(self, table.remove(self.idle))
  end
end

-- ---- making them, and their end -------------------------------------------------------

local function gone(self, entry)
  self.known[entry.value] = nil
  self.open, self.ending = self.open - 1, self.ending - 1
  self.counts.destroyed = self.counts.destroyed + 1
  if self.open == 0 then
    line.wake_all(self.ended)
  end
  stock.supply(self)
end

--- End one that nobody has. It counts until that has happened: what it stands for has it open as long.
function stock.destroy(self, entry)
  local end_it = self.options.destroy
  self.ending = self.ending + 1
  if not end_it then
    return gone(self, entry)
  end
  tasks.background_for(self.made_at, function()
    local ok, err = limited(self, "destroy", end_it, entry.value)
    gone(self, entry)
    if not ok and err ~= errors.CANCELLED then
      report.unanswered(err, { what = "a resource could not be destroyed", at = place.of(end_it) })
    end
  end)
end

--- Have one that is fit to be lent go to whom it is due.
function stock.put(self, entry)
  local now = core.uptime()
  if self.is_closed or entry.expires_at <= now then
    return stock.destroy(self, entry)
  elseif stock.hand_over(self, entry) then
    return
  elseif self.is_stopping then
    return stock.destroy(self, entry)
  end
  entry.idle_since = now
  self.idle[#self.idle + 1] = entry
  stock.nudge(self, math.min(entry.expires_at, now + self.options.idle))
end

-- The first in line is told, for whom it was tried; without one, the log.
local function failed(self, err)
  self.counts.failed = self.counts.failed + 1
  self.retry_at = core.uptime() + RETRY_PAUSE
  if not stock.hand_over(self, { failure = err }) and err ~= errors.CANCELLED then
    report.unanswered(err, { what = "a resource could not be created", at = place.of(self.options.create) })
  end
  stock.supply(self)
  stock.nudge(self, self.retry_at)
end

local function new_entry(self, value)
  local lifetime = self.options.lifetime
  local jitter = 1 + JITTER * (2 * math.random() - 1)
  local entry = {
    value = value, is_fresh = true, expires_at = lifetime > 0 and core.uptime() + lifetime * jitter or math.huge,
  }
  self.known[value] = entry
  self.open, self.counts.created = self.open + 1, self.counts.created + 1
  return entry
end

local function create(self)
  local value -- kept although we are cancelled meanwhile: it is there
  local ok, err = limited(self, "create", function() value = self.options.create() end)
  self.creating = self.creating - 1
  if value ~= nil and not self.known[value] then
    return stock.put(self, new_entry(self, value))
  elseif ok then
    err = value == nil and "rille.resources: create returned nothing"
      or "rille.resources: create returned one that the pool has already: each is another"
  end
  failed(self, err)
end

--- Have as many be made as are waited for, or are to be ready.
function stock.supply(self)
  local wanted = self.waiting_count
  if not self.is_closed and not self.is_stopping and self.retry_at <= core.uptime() + EPSILON then
    wanted = math.max(wanted, self.options.min_idle - live(self))
  end
  while self.creating < wanted and self.open + self.creating < self.options.max do
    self.creating = self.creating + 1
    tasks.background_for(self.made_at, create, self)
  end
end

return stock
