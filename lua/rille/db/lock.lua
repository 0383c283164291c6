--- Locks that all processes see: PostgreSQL's advisory ones.
local core = require "rille.core"
local errors = require "rille.error"
local statement = require "rille.db.statement"
local tasks = require "rille.task"
local unit = require "rille.unit"

local DEFAULT_TIMEOUT = 10 -- seconds
local FIRST_PAUSE, MOST_PAUSE = 0.01, 0.25

-- A text's lock is its hash's: 64 bits, as the lock itself is keyed.
local KEYS = { string = "hashtextextended($1, 0)", number = "$1::bigint" }

local function check(key, fn, options)
  if not KEYS[type(key)] or type(key) == "number" and key % 1 ~= 0 then
    error("db:lock takes a text or an integer to lock by: got " .. tostring(key), 3)
  end
  if type(fn) ~= "function" then
    error("db:lock takes a function: got a " .. type(fn), 3)
  end
  for name in pairs(options or {}) do
    if name ~= "timeout" then
      error(("db:lock knows no option %s, but timeout"):format(tostring(name)), 3)
    end
  end
end

-- Run `try()` until it gives true, with pauses: waiting inside the server would
-- hold a connection and a snapshot, which CREATE INDEX CONCURRENTLY waits for.
local function try_until(try, key, seconds)
  local over_at, pause = core.uptime() + seconds, FIRST_PAUSE
  while not try() do
    local left = over_at - core.uptime()
    if left <= 0 then
      error(errors.new {
        code = "timeout", status = 503, message = ("the lock %q was not free within %g s"):format(tostring(key), seconds),
      }, 0)
    end
    tasks.sleep(math.min(left, pause * (0.5 + math.random() / 2)))
    pause = math.min(pause * 2, MOST_PAUSE)
  end
end

-- On the connection that is held here: of the session, and given back by name.
local function under_held(self, key, fn, seconds)
  local expression = KEYS[type(key)]
  try_until(function()
    return self:one(("select pg_try_advisory_lock(%s) as mine"):format(expression), key).mine
  end, key, seconds)
  local ok, result = pcall(fn, self)
  if not core.why() then
    pcall(self.one, self, ("select pg_advisory_unlock(%s)"):format(expression), key)
  end
  if not ok then
    error(result, 0)
  end
  return result
end

-- Each try borrows a connection for itself, so that those who wait hold none.
local function under_own(self, key, fn, seconds)
  local result
  try_until(function()
    local is_mine
    result = self:hold(function()
      is_mine = self:one(("select pg_try_advisory_lock(%s) as mine"):format(KEYS[type(key)]), key).mine
      return is_mine and fn(self)
    end)
    return is_mine
  end, key, seconds)
  return result
end

local function in_transaction(self, key, fn, seconds)
  try_until(function()
    return self:one(("select pg_try_advisory_xact_lock(%s) as mine"):format(KEYS[type(key)]), key).mine
  end, key, seconds)
  return fn(self)
end

local Db = {}

--- Run `fn(db)` while nobody else, in any process on this database, runs under the
-- same key. **Yields.** All statements inside use the one connection that holds the
-- lock. It is released when `fn` has returned, raised or been abandoned; in a
-- transaction only with that, so that the next one sees what it did.
-- @param key a text or an integer
-- @tparam function fn(db)
-- @tparam[opt] table options `timeout`: how long to wait for it, 10 s; 0 tries once
-- @return the first result of `fn`
-- @raise `timeout` when it was not free in time; what `fn` raised
function Db:lock(key, fn, options)
  local pool = statement.lanes(self)
  check(key, fn, options)
  local seconds = options and options.timeout and unit.seconds(options.timeout, 2) or DEFAULT_TIMEOUT
  local is_held, is_open, is_at_replica = core.pg_transaction(pool)
  if is_at_replica then
    error("db:lock in a transaction that a replica runs would lock nobody out: take the lock outside of it", 2)
  end
  if not is_open then
    self:want_session "outside of db:transaction db:lock is a session's lock"
  end
  local how = is_open and in_transaction or is_held and under_held or under_own
  return (how(self, key, fn, seconds))
end

return Db
