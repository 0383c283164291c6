--- What the statements of a request may do: the route options `max_queries` and `read_only`.
--
--     app:get("/posts", { max_queries = 3, read_only = true }, …)
--
-- They are met where the database's methods are, and the tasks of a request are part
-- of it. Until a route asks for a bound nothing is wrapped, so nothing is paid for it.
local behalf = require "rille.behalf"
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local transactions = require "rille.db.transaction"

local allowance = {}

local Db = getmetatable(db)

-- Statements that read or write as their text says, and those that bind a
-- connection to the session, which no read-only transaction can contain.
local STATEMENTS = { "query", "one", "exec" }
local SESSIONS = { "hold", "copy_in" }
local STREAMS = { "each", "copy_in", "copy_out" }

local of_slot = {} -- the allowance of each slot's request; one of another epoch is stale

-- That of the request that runs here, or above this task.
local function mine()
  local slot, epoch = behalf.here()
  local one = slot and of_slot[slot]
  return one and one.epoch == epoch and one or nil
end

-- Whether the app's code began a transaction here; that of a spec's example is outside of it.
local function is_in_transaction(self)
  local record = transactions.here(self)
  return record ~= nil and not record.is_outside
end

-- ---- how many ------------------------------------------------------------------------

local function too_many(one)
  local lines = {}
  for i, sql in ipairs(one.seen) do
    lines[i] = ("\n  %d. %s"):format(i, sql:gsub("%s+", " "))
  end
  return ("%s may run %d statements (max_queries), and this is one more:%s\nWhat a loop asks for one by one, one "
    .. "statement can fetch: where id = any($1)"):format(one.route, one.most, table.concat(lines))
end

local function count(one, sql)
  if not one.most or type(sql) ~= "string" then
    return
  end
  one.count = one.count + 1
  if core.settings.env == "development" then
    one.seen[one.count] = sql
    if one.count > one.most then
      error(too_many(one), 3)
    end
  elseif one.count == one.most + 1 then -- once: who asks for a page should not pay for our mistake
    core.log("warn", ("more than %d statements (max_queries)"):format(one.most), "route", one.route, "request_id",
      core.request_id(one.slot, one.epoch), "statement", sql)
  end
end

-- ---- whether they change anything ------------------------------------------------------

local function explained(one, ok, ...)
  if ok then
    return ...
  end
  local err = ...
  if errors.is(err) and err.code == "db.25006" then -- read_only_sql_transaction
    err.message = ("%s: %s is declared read_only"):format(err.message, one.route)
  end
  error(err, 0)
end

-- Whether a replica may run it as it is: its sessions refuse writes, as the route does.
local function is_for_replica(what)
  if type(what) == "string" then
    return core.pg_reads(what)
  end
  for _, item in ipairs(type(what) == "table" and what or {}) do
    if type(item) ~= "table" or type(item[1]) ~= "string" or not core.pg_reads(item[1]) then
      return false
    end
  end
  return type(what) == "table"
end

-- On a replica: whether it answered, and what; an error that the primary may not have is no answer.
local function run_at_replica(one, plain, self, ...)
  local replica = is_for_replica((...)) and self:at_replica(true)
  if not replica then
    return false
  end
  local ok, result = pcall(plain, replica, ...)
  if not ok and errors.is(result) and result.of_replica then
    return false
  end
  return true, explained(one, ok, result)
end

local function run_read_only(one, plain, self, ...)
  if is_in_transaction(self) then
    return explained(one, pcall(plain, self, ...))
  end
  local is_answered, result = run_at_replica(one, plain, self, ...)
  if is_answered then
    return result
  end
  local count_of, arguments = select("#", ...), { ... }
  return explained(one, pcall(self.transaction, self:at_home(), function()
    return plain(self, unpack(arguments, 1, count_of))
  end))
end

local function with_read_only(options, one, level)
  local out = { read_only = true }
  for key, value in pairs(options or {}) do
    out[key] = value
  end
  if out.read_only ~= true then
    error(("a transaction of %s is read_only, as its route is"):format(one.route), level + 1)
  end
  return out
end

-- ---- the database's methods --------------------------------------------------------------

local function wrap_statement(name)
  local plain = Db[name]
  Db[name] = function(self, sql, ...)
    local one = mine()
    if not one or type(sql) ~= "string" then
      return plain(self, sql, ...)
    end
    if not self.is_inner then
      count(one, sql)
    end
    if one.read_only then
      return run_read_only(one, plain, self, sql, ...)
    end
    return plain(self, sql, ...)
  end
end

local function wrap_batch()
  local plain = Db.batch
  function Db:batch(list)
    local one = mine()
    for _, item in ipairs(one and type(list) == "table" and list or {}) do
      count(one, type(item) == "table" and item[1])
    end
    if one and one.read_only then
      return run_read_only(one, plain, self, list)
    end
    return plain(self, list)
  end
end

local function wrap_transaction()
  local plain = Db.transaction
  function Db:transaction(fn, options)
    local one = mine()
    if one and one.read_only and not is_in_transaction(self) then
      options = with_read_only(options, one, 2)
      return plain(self:at_replica() or self, fn, options)
    end
    return plain(self, fn, options)
  end
end

local function wrap_copy_out()
  local plain = Db.copy_out
  function Db:copy_out(sql)
    local one = mine()
    if one and one.read_only then
      return explained(one, pcall(plain, self:read(), sql))
    end
    return plain(self, sql)
  end
end

-- However many rows go by, it is one.
local function wrap_stream(name)
  local plain = Db[name]
  Db[name] = function(self, sql, ...)
    local one = mine()
    if one then
      count(one, sql)
    end
    return plain(self, sql, ...)
  end
end

local function refuse_session(name)
  local plain = Db[name]
  Db[name] = function(self, ...)
    local one = mine()
    if one and one.read_only then
      error(("db:%s may change things, and %s is declared read_only"):format(name, one.route), 2)
    end
    return plain(self, ...)
  end
end

local is_installed = false

local function install()
  if is_installed then
    return
  end
  is_installed = true
  for _, name in ipairs(STATEMENTS) do
    wrap_statement(name)
  end
  wrap_batch()
  wrap_transaction()
  wrap_copy_out()
  for _, name in ipairs(STREAMS) do
    wrap_stream(name)
  end
  for _, name in ipairs(SESSIONS) do
    if rawget(Db, name) then
      refuse_session(name)
    end
  end
end

--- What gives a request the allowance of its route.
-- @tparam table route method, path, at, options
-- @treturn ?function(slot, epoch) nil when the route bounds nothing
function allowance.of(route)
  local most, read_only = route.options.max_queries, route.options.read_only
  if not most and not read_only then
    return nil
  end
  install()
  local name = ("%s %s (%s)"):format(route.method, route.path, route.at)
  return function(slot, epoch)
    of_slot[slot] = {
      slot = slot, epoch = epoch, route = name, most = most, read_only = read_only, count = 0, seen = {},
    }
  end
end

return allowance
