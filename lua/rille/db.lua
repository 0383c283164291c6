--- The database: statements, rows, transactions.
--
--     db:one("select name from users where id = $1", id)
--
-- Values travel beside the text as $1, $2, …, never in it. Outside a transaction
-- each statement borrows a connection for its run alone. Everything here
-- **yields**, and raises: the table of an error has `code` ("db." and the
-- SQLSTATE), `status`, `message`, and what the server said beside it (`detail`,
-- `hint`, `constraint`, `table`, `column`, `position` in `sql`). Where the
-- connection broke, `sent` says whether the server may have run the statement.
local core = require "rille.core"
local errors = require "rille.error"
local wait = require "rille.wait"

local ROW = 1            -- RL_KIND_ROW of core/vm/kind.h
local ABANDONED = 2      -- pg_finish's case when the task was cancelled already
local ALL = math.huge

local Db = { __name = "rille.db" }
Db.__index = Db

-- ---- rows -------------------------------------------------------------------

local function unknown_column(key, names)
  return ("no column %q in this row: it has %s"):format(tostring(key), table.concat(names, ", "))
end

-- The metatable of all rows with these columns; nil and a name that comes twice.
local function shape(names)
  local known, meta = {}, { [0] = ROW }
  for i, name in ipairs(names) do
    if known[name] then
      return nil, name
    end
    known[name], meta[i] = true, name
  end
  function meta.__index(_, key)
    if not known[key] then
      error(unknown_column(key, names), 2)
    end
    return nil -- SQL NULL
  end
  function meta.__newindex(row, key, value)
    if not known[key] then
      error(unknown_column(key, names), 2)
    end
    rawset(row, key, value)
  end
  return meta
end
core.pg_shape(shape)

-- ---- the pool -----------------------------------------------------------------

local NO_DATABASE = "no database is configured: set DATABASE_URL, or start a private one with `rille db start`"

-- Options of the pool, and the settings that hold their defaults.
local OPTIONS = {
  max = "db_max", max_waiters = "db_max_waiters", statements = "db_statements",
}
local DURATIONS = {
  connect_timeout = "db_connect_timeout", acquire_timeout = "db_acquire_timeout",
  query_timeout = "db_query_timeout", idle_timeout = "db_idle_timeout", max_lifetime = "db_max_lifetime",
}

local function pool_options(given)
  local settings = core.settings or {}
  local options = { url = given.url or settings.database_url }
  for name, setting in pairs(OPTIONS) do
    options[name] = given[name] or settings[setting]
  end
  for name, setting in pairs(DURATIONS) do
    local seconds = given[name] or settings[setting]
    options[name .. "_ms"] = seconds and seconds * 1000
  end
  return options
end

-- Opened at its first use: an app without a database must load.
local function pool_of(self)
  local pool = rawget(self, "pool")
  if pool then
    return pool
  end
  local options = pool_options(self.options)
  if not options.url or options.url == "" then
    error(NO_DATABASE, 0)
  end
  pool = core.pg_open(options)
  if not pool then
    error("database_url is no PostgreSQL URL (postgres://user:password@host:port/name)", 0)
  end
  self.pool = pool
  return pool
end

--- Another database, with a pool of its own.
-- @tparam table options `url`; what is not given holds as for `rille.db`:
-- `max`, `max_waiters`, `statements`, and in seconds `connect_timeout`,
-- `acquire_timeout`, `query_timeout`, `idle_timeout`, `max_lifetime`;
-- `bigint = "string"` reads integers beyond 2^53 as text instead of raising
-- @treturn Db
-- @local
function Db.open(options)
  if options.bigint ~= nil and options.bigint ~= "string" then
    error('the option bigint may be "string" or left out', 2)
  end
  return setmetatable({ options = options, bigint_is_string = options.bigint == "string" }, Db)
end

--- Close the pool: what runs on it fails. The next use opens it again.
-- @local
function Db:close()
  local pool = rawget(self, "pool")
  self.pool = nil
  if pool then
    core.pg_close(pool)
  end
end

--- What the pool does now (`in_use`, `idle`, `connecting`, `waiting`), and has
-- done (`acquired`, `timeouts`, `refused`, `connects`, `connect_failures`,
-- `lost`, `resets`, and `waited` in seconds).
-- @treturn table
function Db:stats()
  return core.pg_stats(pool_of(self))
end

-- ---- statements -----------------------------------------------------------------

local function raise(err)
  if err.code == "db.42601" and err.message:find("multiple commands", 1, true) then
    err.hint = "one statement a call; for several that belong together there is db:transaction"
  elseif err.code == "db.08P01" and err.message:find("^bind message supplies") then
    local given, wanted = err.message:match "supplies (%d+) parameters.*requires (%d+)"
    err.message = ("the statement has %s values as $1, $2, …, and was given %s"):format(wanted or "other", given or "others")
  elseif err.code == "db.08001" then
    -- A client may see the message of a 503: hosts and users are for the log.
    err.message, err.detail = "the database cannot be reached", err.message
  end
  error(errors.new(err), 0)
end

local function checked(value, err, ...)
  if not value then
    raise(err)
  end
  return value, err, ...
end

-- Run to the answer; misuse is blamed on the caller of the public function.
local function await(case, why)
  if why then
    error(why, 4)
  end
  return wait.won(case)
end

local function run(self, sql, ...)
  if getmetatable(self) ~= Db then
    error("a method of the database is called with a colon, as in db:query(…)", 3)
  end
  if type(sql) ~= "string" then
    error("the statement must be a string: got a " .. type(sql), 3)
  end
  await(core.pg_run(pool_of(self), sql, ...))
end

--- Run a statement and read its rows. **Yields.**
-- A row is a plain table: SQL NULL reads as nil, an unknown column raises.
-- @tparam string sql one statement, with $1, $2, … for the values
-- @param ... the values: nil, numbers, booleans, strings, `rille.null`,
-- `rille.array`, `rille.jsonb`, `rille.bytea`
-- @treturn {row,...} an array, empty when there is none
-- @raise an error of the database; `timeout` or `cancelled` when the scope ends
function Db:query(sql, ...)
  run(self, sql, ...)
  local rows = checked(core.pg_rows(ALL, self.bigint_is_string))
  return rows
end

--- Run a statement and read its first row. **Yields.**
-- @tparam string sql
-- @param ... the values
-- @treturn row|nil
-- @raise as `query`
function Db:one(sql, ...)
  run(self, sql, ...)
  local rows = checked(core.pg_rows(1, self.bigint_is_string))
  return rows[1]
end

--- Run a statement for its effect. **Yields.**
-- @tparam string sql
-- @param ... the values
-- @treturn integer how many rows it touched
-- @raise as `query`
function Db:exec(sql, ...)
  run(self, sql, ...)
  local count = checked(core.pg_affected())
  return count
end

--- Run a text of several statements: for migrations, whose texts are our own.
-- There are no values, and without a transaction inside or around it all
-- statements are one. **Yields.**
-- @tparam string sql
-- @raise as `query`
-- @local
function Db:script(sql)
  await(core.pg_script(pool_of(self), sql))
  checked(core.pg_affected())
end

--- Quote a name for SQL text: a table's or column's that is not known when
-- the code is written. Values never go into SQL text.
-- @tparam string ... the name
-- @treturn string
function Db.quote_ident(...)
  local name = select(select("#", ...), ...) -- db:quote_ident(s) and db.quote_ident(s)
  if type(name) ~= "string" or name == "" or name:find("%z") then
    error("a name is a string that is not empty and holds no NUL", 2)
  end
  return '"' .. name:gsub('"', '""') .. '"'
end

-- ---- transactions ------------------------------------------------------------------

local ISOLATION = {
  ["read committed"] = "read committed", ["repeatable read"] = "repeatable read", serializable = "serializable",
}

local function begin_sql(options)
  local sql = "begin"
  for key, value in pairs(options or {}) do
    if key == "isolation" and ISOLATION[value] then
      sql = sql .. " isolation level " .. ISOLATION[value]
    elseif key == "read_only" and type(value) == "boolean" then
      sql = sql .. (value and " read only" or " read write")
    else
      error(("db:transaction knows no option %s = %s, but isolation (%s) and read_only"):format(tostring(key),
        tostring(value), "read committed, repeatable read, serializable"), 3)
    end
  end
  return sql
end

-- Give the task's own connection back with `sql` as its last statement. When the
-- task was cancelled no wait is possible: then it goes back as it is, and the
-- pool rolls it back.
local function finish(self, sql)
  local case = core.pg_finish(pool_of(self), sql)
  if case == ABANDONED then
    return nil
  end
  wait.won(case)
  local _, command = checked(core.pg_affected())
  return command
end

local function finish_held(self, sql)
  run(self, sql)
  local _, command = checked(core.pg_affected())
  return command
end

-- A failed statement leaves a transaction that can only be rolled back, and
-- PostgreSQL then answers COMMIT with a ROLLBACK: never silently.
local function commit(self, how)
  if how(self, "commit") == "ROLLBACK" then
    raise {
      code = "db.25P02", status = 500,
      message = "the transaction was rolled back: a statement inside had failed, and its error was not raised",
    }
  end
end

-- The first error is what the caller must see, not that of the rollback.
local function roll_back(self, how, err)
  pcall(how, self, "rollback")
  error(err, 0)
end

local function nested(self, number, fn)
  local savepoint = "rl_" .. number
  self:exec("savepoint " .. savepoint)
  local ok, result = pcall(fn, self)
  if ok then
    self:exec("release savepoint " .. savepoint)
    return result
  end
  if not core.why() then
    pcall(self.exec, self, "rollback to savepoint " .. savepoint)
  end
  error(result, 0)
end

local function begin(self, sql)
  wait.won(core.pg_begin(pool_of(self), sql))
  checked(core.pg_affected())
end

--- Run `fn(db)` in a transaction: committed when it returns, rolled back when it
-- raises or its task is cancelled. **Yields.** Until then every statement of this
-- task, and of the tasks spawned inside, uses the transaction's connection.
-- A call inside another one is a savepoint.
-- @tparam function fn(db)
-- @tparam[opt] table options `isolation`: "read committed", "repeatable read"
-- or "serializable"; `read_only`: boolean
-- @return the first result of `fn`
-- @raise what `fn` raised; an error of the database, COMMIT's too
function Db:transaction(fn, options)
  if type(fn) ~= "function" then
    error("db:transaction takes a function: got a " .. type(fn), 2)
  end
  local sql, how = begin_sql(options), finish
  local number = core.pg_savepoint(pool_of(self))
  if number == 0 then
    how = finish_held
    self:exec(sql)
  elseif number then
    if sql ~= "begin" then
      error("a transaction inside another one is a savepoint: it takes no options", 2)
    end
    return (nested(self, number, fn))
  else
    begin(self, sql)
  end
  local ok, result = pcall(fn, self)
  if not ok then
    roll_back(self, how, result)
  end
  commit(self, how)
  return result
end

--- Run `fn(db)` with one connection for all its statements: for what belongs to
-- a session (SET, advisory locks, temporary tables). Its traces are wiped when the
-- connection goes back. **Yields.**
-- @tparam function fn(db)
-- @return the first result of `fn`
-- @raise what `fn` raised
function Db:hold(fn)
  if core.pg_savepoint(pool_of(self)) then
    error("this task holds a connection of this database already", 2)
  end
  begin(self, "select 1")
  local ok, result = pcall(fn, self)
  if not ok then
    roll_back(self, finish, result)
  end
  finish(self, "select 1")
  return result
end

return Db.open {}
