--- The database: statements, rows, transactions.
--
--     db:one("select name from users where id = $1", id)
--
-- Values travel beside the text as $1, $2, …, never in it. Outside a transaction
-- each statement borrows a connection for its run alone. Everything here
-- **yields**, and raises: the table of an error has `code` ("db." and the
-- SQLSTATE), `status`, `message`, and what the server said beside it (`detail`,
-- `hint`, `constraint`, `table`, `column`, `position` in `sql`, and in development
-- `excerpt`, which shows the place), and `at`, the line of the app's that asked. Where the connection broke, `sent` says
-- whether the server may have run the statement.
--
-- Here are the pool and the single statements; what takes more is beside it, one
-- thing a file, in lua/rille/db/.
local core = require "rille.core"
local slip = require "rille.slip"
local statement = require "rille.db.statement"
local unit = require "rille.unit"

local PARTS = {
  require("rille.db.transaction").methods, require "rille.db.batch", require "rille.db.each", require "rille.db.copy",
  require "rille.db.lock", require "rille.db.listen",
}
require "rille.db.row"

local ALL = math.huge

local Db = { __name = "rille.db" }
Db.__index = Db

for _, part in ipairs(PARTS) do
  for name, method in pairs(part) do
    Db[name] = method
  end
end

-- ---- the pool -----------------------------------------------------------------

local NO_DATABASE = "no database is configured: set DATABASE_URL, or start a private one with `rille db start`"

-- Options of the pool, and the settings that hold their defaults.
local OPTIONS = {
  exclusive = "db_exclusive", shared = "db_shared", depth = "db_depth", min_idle = "db_min_idle",
  max_waiters = "db_max_waiters", statements = "db_statements", max_result = "db_max_result",
}
local DURATIONS = {
  connect_timeout = "db_connect_timeout", acquire_timeout = "db_acquire_timeout",
  query_timeout = "db_query_timeout", cancel_grace = "db_cancel_grace", idle_timeout = "db_idle_timeout",
  max_lifetime = "db_max_lifetime", leak_after = "db_leak_after", max_lag = "db_max_lag",
}
local DEFAULT_MAX_LAG = 5 -- seconds, where there are no settings

-- What runs where: on the primary; on a replica that is fit, else the primary; or not at all else.
local HOME, REPLICA, REPLICA_ONLY = 0, 1, 2

-- The setting's text is a list, apart by spaces and commas; a URL may have a comma inside.
local function replicas_of(given, settings)
  if given.replicas or given.url then -- the setting's follow another primary
    return given.replicas
  end
  local urls = {}
  for url in (settings.db_replicas or ""):gmatch "%S+" do
    urls[#urls + 1] = url:match "^(.-),?$"
  end
  return urls
end

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
  options.replicas = replicas_of(given, settings)
  options.max_lag_ms = options.max_lag_ms or DEFAULT_MAX_LAG * 1000
  options.looks_at_sessions = settings.env == "development"
  options.prepared = given.prepared
  if given.prepared == nil then
    options.prepared = settings.db_prepared
  end
  return options
end

-- Opened at its first use: an app without a database must load.
local function open_pool(self)
  local options = pool_options(self.options)
  if not options.url or options.url == "" then
    error(NO_DATABASE, 0)
  end
  local pool, wrong = core.pg_open(options)
  if wrong == "replicas" then
    error("db_replicas is a list of PostgreSQL URLs (postgres://user:password@host:port/name), and one of it is none", 0)
  elseif not pool then
    error("database_url is no PostgreSQL URL (postgres://user:password@host:port/name)", 0)
  end
  self.pool, self.opened_with = pool, options
  return pool
end

-- The pool, opened when it is not; nil for what is no database.
-- @local
function Db:lanes()
  if getmetatable(self) ~= Db then
    return nil
  end
  local root = self.root
  return rawget(root, "pool") or open_pool(root)
end

--- Another database, with a pool of its own.
-- @tparam table options `url`; what is not given holds as for `rille.db`:
-- `exclusive`, `shared`, `depth`, `min_idle`, `max_waiters`, `statements`, and in seconds
-- `connect_timeout`, `acquire_timeout`, `query_timeout`, `cancel_grace`, `idle_timeout`,
-- `max_lifetime`, `leak_after`; `replicas`, a list of URLs, and `max_lag` in seconds, as db_replicas
-- and db_max_lag;
-- `bigint = "string"` reads integers beyond 2^53 as text instead of raising;
-- `prepared = false` keeps nothing in sessions, for a pooler that lends one for a
-- transaction (PgBouncer)
-- @treturn Db
-- @local
function Db.open(options)
  if options.bigint ~= nil and options.bigint ~= "string" then
    error('the option bigint may be "string" or left out', 2)
  end
  local self = setmetatable({
    options = options, bigint_is_string = options.bigint == "string", asked = {}, place = HOME, mold = false,
    is_unseen = false,
  }, Db)
  self.root = self
  return self
end

--- Close the pool: what runs on it fails. The next use opens it again.
-- @local
function Db:close()
  local root = self.root
  local pool = rawget(root, "pool")
  root.pool = nil
  if pool then
    core.pg_close(pool)
  end
end

--- What the connections of this database do, in all workers of the process.
-- @treturn table of the lent ones: now `in_use`, `idle`, `connecting`, `waiting`, `streams`; and
-- since the start `acquired`, `waited` (seconds), `timeouts`, `refused`, `queries`,
-- `connects`, `connect_failures`, `lost`, `reconnects`, `resets`, `leaked`, `handovers`.
-- `shared` has the same of those that quick statements share, as of each worker's last
-- turn, with `in_flight` statements, `turned_away` and `expelled`; `listener` of the one
-- that hears notifications: `connected`, `channels`, `subscriptions`, `notes`, `dropped`,
-- `connects`, `connect_failures`, `lost`.
-- `replicas` is a list, for this worker: `name`, `state` ("ready", or why it is not
-- read: "unknown", "lagging", "promoted", "down"), `lag` in seconds (to the half second
-- between two looks; nil while unknown), `running`, `queries`, and how many of those
-- the primary answered in the end (`sent_home`).
function Db:stats()
  local stats = core.pg_stats(self:lanes())
  stats.replicas = core.pg_replicas(self:lanes())
  return stats
end

--- Whether a session is ours for more than a transaction; raises when it is not.
-- @tparam string what "db:hold keeps a session": who wants one
-- @local
function Db:want_session(what)
  statement.lanes(self)
  if self.root.opened_with.prepared == false then
    error(what .. ", and with db_prepared = false a pooler lends one for a transaction only", 3)
  end
end

-- ---- handles with another manner ---------------------------------------------------

local MANNERS = { lane = true, timeout = true, prepared = true, cancel = true, chunk = true }

local function check_manner(key, value)
  if not MANNERS[key] then
    error("db:with knows no option '" .. tostring(key) .. "': there are cancel, chunk, lane, prepared, timeout", 3)
  end
  if key == "lane" and value ~= "exclusive" then
    error('the option lane may be "exclusive" or left out', 3)
  elseif (key == "prepared" or key == "cancel") and type(value) ~= "boolean" then
    error(("the option %s is a boolean: got a %s"):format(key, type(value)), 3)
  elseif key == "chunk" and (type(value) ~= "number" or value < 1 or value % 1 ~= 0) then
    error("the option chunk is a number of rows, from 1", 3)
  end
end

local function derive(self, asked, place)
  local timeout_ms = unit.ms(asked.timeout, 3) or 0
  return setmetatable({
    root = self.root, bigint_is_string = self.bigint_is_string, asked = asked, is_read = self.is_read, place = place,
    mold = self.mold, is_unseen = false,
    -- What may have to be stopped must be alone on its connection.
    how = core.pg_how(asked.lane == "exclusive" or asked.cancel == true or timeout_ms > 0, asked.prepared == false,
      asked.cancel == true, timeout_ms, place, asked.stream == true),
  }, Db)
end

--- The same database, whose statements are run in another manner:
-- `db:with{ timeout = "2s" }:query(…)`. It may be kept and used again.
-- @tparam table options `lane = "exclusive"`: a connection of its own for each;
-- `timeout`: for each, instead of db_query_timeout (the server's statement_timeout
-- ends a longer one all the same); `prepared = false`: sent whole each time, where
-- strings go as text (`rille.bytea` for bytes); `cancel = true`: a write, too, is
-- stopped when nobody waits for it any more; `chunk`: rows that `each` fetches at once
-- @treturn Db
function Db:with(options)
  local asked = {}
  for key, value in pairs(self.asked) do
    asked[key] = value
  end
  for key, value in pairs(options) do
    check_manner(key, value)
    asked[key] = value
  end
  return derive(self, asked, self.place)
end

--- The same database for statements that only read: one that writes raises, and a
-- transaction is READ ONLY. Where there are replicas (the setting db_replicas), `query`, `one`,
-- `exec`, `batch`, `each` and `transaction` go to one of them: the least loaded of those that are not
-- further behind than db_max_lag and have what this request has written. What fails there runs
-- on the primary, but for a transaction that has begun: its `retries` do.
-- @treturn Db
function Db:read()
  local reader = derive(self, self.asked, REPLICA)
  reader.is_read = true
  return reader
end

--- The same for what opens a stream: its connection counts as one.
-- @local
function Db:as_stream()
  local asked = { stream = true }
  for key, value in pairs(self.asked) do
    asked[key] = value
  end
  return derive(self, asked, self.place)
end

--- The same, whose rows are a model's.
-- @tparam table mold see core/vm/pg_row.h
-- @tparam[opt] boolean is_unseen nobody looks at what `query` returns: who asks has core.is_unseen's word for it
-- @local
function Db:molded(mold, is_unseen)
  local handle = derive(self, self.asked, self.place)
  handle.mold, handle.stays, handle.is_unseen = mold, rawget(self, "stays"), is_unseen or false
  return handle
end

--- The same, on the primary, whatever a replica could do.
-- @local
function Db:at_home()
  local here = derive(self, self.asked, HOME)
  here.stays = true
  return here
end

--- The same, on a replica where one is fit; with `is_only`, or not at all: then the error has `of_replica`.
-- Nil when there are none.
-- @local
function Db:at_replica(is_only)
  statement.lanes(self)
  if not self.stays and #(self.root.opened_with.replicas or {}) > 0 then
    return derive(self, self.asked, is_only and REPLICA_ONLY or REPLICA)
  end
end

-- ---- statements -----------------------------------------------------------------

--- Run a statement and read its rows. **Yields.**
-- A row is a plain table: SQL NULL reads as nil, an unknown column raises.
-- @tparam string sql one statement, with $1, $2, … for the values
-- @param ... the values: nil, numbers, booleans, strings, `rille.null`,
-- `rille.array`, `rille.jsonb`, `rille.bytea`
-- @treturn {row,...} an array, empty when there is none
-- @raise an error of the database; `timeout` or `cancelled` when the scope ends
function Db:query(sql, ...)
  local is_unseen = self.is_unseen or core.is_unseen()
  statement.run(self, sql, ...)
  local rows = statement.checked(core.pg_rows(ALL, self.bigint_is_string, self.mold, is_unseen))
  return rows
end

--- Run a statement and read its first row. **Yields.**
-- @tparam string sql
-- @param ... the values
-- @treturn row|nil
-- @raise as `query`
function Db:one(sql, ...)
  statement.run(self, sql, ...)
  local rows = statement.checked(core.pg_rows(1, self.bigint_is_string, self.mold))
  return rows[1]
end

--- Run a statement for its effect. **Yields.**
-- @tparam string sql
-- @param ... the values
-- @treturn integer how many rows it touched
-- @raise as `query`
function Db:exec(sql, ...)
  statement.run(self, sql, ...)
  local count = statement.checked(core.pg_affected())
  return count
end

--- `query`, for what Rille itself wants to know: a spec's counts and a route's bounds leave it out.
-- @local
Db.own_query = Db.query

--- Run a text of several statements: for migrations, whose texts are our own.
-- There are no values, and without a transaction inside or around it all
-- statements are one. **Yields.**
-- @tparam string sql
-- @raise as `query`
-- @local
function Db:script(sql)
  statement.await(core.pg_script(self:lanes(), self.how, sql))
  statement.checked(core.pg_affected())
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

slip.guard(Db, "db", "query one exec each batch transaction after_commit hold lock listen copy_in copy_out with read "
  .. "quote_ident stats", "ended how is_inner is_read opened_with pool stays", "db")

return Db.open {}
