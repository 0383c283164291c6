--- Whether the database is there, and has the tables that the app wants: told once,
-- before the first example, and not by each of them in its own words.
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local migrate = require "rille.migrate"

local ready = {}

local Db = getmetatable(db)

local PROBE = 0.3 -- seconds: who refuses does so at once. Who is slow is given the usual time, by the examples

local function unreachable(err)
  return ("the database cannot be reached: %s. Is database_url (DATABASE_URL) right, and does it run? "
    .. "`export DATABASE_URL=$(rille db start)` starts a private one"):format(err.detail or err.message)
end

local function look(probe, wants_tables)
  probe:exec "select 1"
  return wants_tables and migrate.problem(probe, core.settings.app_dir) or nil
end

--- What is wrong with the database of the settings. **Yields.**
-- @tparam boolean wants_tables whether the folder of migrations here is about it
-- @treturn ?string nil when nothing is, or there is no database
function ready.problem(wants_tables)
  local url = core.settings and core.settings.database_url or ""
  if url == "" then
    return nil
  end
  local probe = Db.open { url = url, exclusive = 1, acquire_timeout = PROBE }
  local ok, result = pcall(look, probe, wants_tables)
  probe:close()
  if ok then
    return result
  elseif errors.is(result) and result.code == "db.08001" then
    return unreachable(result)
  end
  return nil
end

return ready
