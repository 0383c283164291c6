--- The database of a project's specs, where nobody named one.
--
--     .rille/spec     a cluster (see rille.cluster), emptied and migrated for each run, stopped behind it
--
-- It is another than the one `rille dev` keeps in .rille/pg: what was tried out there is in no example's way.
local cluster = require "rille.cluster"
local core = require "rille.core"
local db = require "rille.db"
local migrate = require "rille.migrate"
local place = require "rille.test.place"
local ffi = require "ffi"
local lfs = require "lfs"

local database = {}

ffi.cdef "int setenv(const char *name, const char *value, int overwrite);"

local DIR = ".rille/spec"

-- Only one run may have it, and the lock ends with the process that has it, however that ends.
local function take_lock()
  lfs.mkdir ".rille"
  local file = assert(io.open(".rille/spec.lock", "w"))
  return lfs.lock(file, "w") and file
end

local function empty_and_migrate()
  db:exec "drop schema public cascade"
  db:exec "create schema public"
  local told = {}
  local sink = { write = function(_, ...) told[#told + 1] = table.concat { ... } end }
  local status = migrate.run({ "up", "--no-dump" }, sink, sink)
  db:close() -- a copy of a database can be made while nobody is connected to it
  if status ~= 0 then
    error(table.concat(told), 0)
  end
end

--- Whether the folder we are in is a project with migrations and without a database.
-- @treturn boolean
function database.is_wanted()
  if lfs.attributes("app.lua", "mode") ~= "file" then
    return false
  end
  local settings = core.settings_of "."
  return settings ~= nil and settings.database_url == "" and settings.db_migrations ~= ""
    and lfs.attributes(settings.db_migrations, "mode") == "directory"
end

--- The database of the settings, and else that of the app's own.
-- @tparam[opt] string dir of the app; the one here
-- @treturn ?string nil when there is none
function database.url(dir)
  local url = core.settings.database_url or ""
  if url == "" and place.has_app(dir or ".") then
    url = (core.settings_of(dir or ".") or {}).database_url or ""
  end
  return url ~= "" and url or nil
end

--- Run `fn()` with that database, which the processes it starts find in DATABASE_URL. **Blocks and yields.**
-- @tparam function fn
-- @return what `fn` returns
-- @raise a string that says what is missing or failed
function database.with(fn)
  local lock = take_lock()
  if not lock then
    error("another `rille spec` in this folder uses its database: wait for it, or name another in DATABASE_URL", 0)
  end
  local url = cluster.start(DIR, { durable = false })
  ffi.C.setenv("DATABASE_URL", url, 1)
  core.settings.database_url = url
  local ok, result = pcall(empty_and_migrate)
  if ok then
    ok, result = pcall(fn)
  end
  cluster.stop(DIR)
  lock:close()
  if not ok then
    error(result, 0)
  end
  return result
end

return database
