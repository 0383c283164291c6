--- A private PostgreSQL cluster with one database, for specs about apps.
--
--     local base = database.new()
--     base:migrate(); base:seed("apps/shop")
--     server.start{ app = "apps/shop", env = { DATABASE_URL = base.url } }
--     assert.equal("3", base:sql("select count(*) from users"))
--     base:drop()
--
-- The specs look at the rows through psql, not through Rille: what one part
-- got wrong, another of its own would overlook.

local cluster = require "spec.cluster"
local shell = require "spec.shell"

local quoted, run, read_file = shell.quoted, shell.run, shell.read_file

local database = {}
local Database = {}
Database.__index = Database

-- Run a command of Rille's on the database.
local function rille(self, ...)
  local words = { "DATABASE_URL=" .. quoted(self.url), quoted(shell.rille()), ... }
  return run(table.concat(words, " "))
end

--- A new cluster in a folder of its own, running.
-- @tparam[opt] table options `durable = true`: what was committed outlives a crash
function database.new(options)
  local dir = run("mktemp -d")
  local is_durable = options ~= nil and options.durable
  return setmetatable({ dir = dir, url = cluster.start(dir .. "/pg", { durable = is_durable }) }, Database)
end

--- Apply the project's migrations.
function Database:migrate()
  rille(self, "migrate up --no-dump")
end

--- Run the app's seed.lua.
-- @treturn string what it printed
function Database:seed(app)
  return rille(self, "exec", quoted(app), quoted(app .. "/seed.lua"))
end

--- Run statements.
-- @treturn string the rows, columns with | between
function Database:sql(text)
  return shell.psql(self.url, text)
end

--- Run a file of statements.
function Database:sql_file(path)
  return run("PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -f " .. quoted(path)
    .. " " .. quoted(self.url))
end

--- Have every session that begins from now on log its statements, for `statements`.
function Database:log_statements()
  self:sql("alter database rille set log_statement = 'all'")
end

local function logged(self)
  local file = assert(io.open(self.dir .. "/pg/log"))
  local _, count = file:read("*a"):gsub("LOG:  execute ", "")
  file:close()
  return count
end

--- How many statements the server's sessions ran while `fn` did. PostgreSQL
-- writes its log line before it runs the statement, so none is missed.
function Database:statements(fn)
  local before = logged(self)
  fn()
  return logged(self) - before
end

--- Stop the cluster; what it holds stays.
function Database:stop()
  cluster.stop(self.dir .. "/pg")
end

--- Start it again, at the same address.
function Database:start()
  assert(cluster.start(self.dir .. "/pg", { durable = false }) == self.url, "the cluster's address changed")
end

-- The server's first process, while it is there; and whether it takes connections.
local function master(self)
  local text = read_file(self.dir .. "/pg/data/postmaster.pid") or ""
  local pid = text:match("^%d+")
  if pid and read_file("/proc/" .. pid .. "/cmdline") then
    return pid, text:find("\nready", 1, true) ~= nil
  end
end

--- Send a signal to the server's first process: INT ends it fast, QUIT at once.
function Database:signal(name)
  run("kill -" .. name .. " " .. assert(master(self), "no server runs"))
end

--- Whether its first process is there; and whether it takes connections.
function Database:is_running()
  local pid, is_ready = master(self)
  return pid ~= nil, is_ready == true
end

--- The server's processes: of all sessions of an application, or all there are.
-- @tparam[opt] string application
-- @treturn string their numbers, with blanks between
function Database:processes(application)
  if application then
    return (self:sql("select string_agg(pid::text, ' ') from pg_stat_activity where application_name = '"
      .. application .. "'"))
  end
  local pid = assert(master(self), "no server runs")
  return pid .. " " .. read_file("/proc/" .. pid .. "/task/" .. pid .. "/children")
end

--- Start it again without waiting until it serves.
function Database:begin_start()
  os.execute(quoted(shell.rille()) .. " db start " .. quoted(self.dir .. "/pg")
    .. " >/dev/null 2>&1 &")
end

--- Stop it and remove every trace.
function Database:drop()
  self:stop()
  run("rm -rf " .. quoted(self.dir))
end

return database
