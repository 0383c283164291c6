--- `rille check APP [--json]`: what an app is made of, and all that is wrong with it.
--
-- Loads the app as `rille serve` does, but listens nowhere. The exit status is 1
-- exactly when `serve` would not start. Where no database is named, it is the private one of `rille dev` and
-- `rille db`, when that runs.
local App = require "rille.app"
local cluster = require "rille.cluster"
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local listing = require "rille.listing"
local migrate = require "rille.migrate"

local USAGE = "usage: rille check APP [--json] [settings]\n"

-- ---- gathering ---------------------------------------------------------------------

local function text_of(err)
  return errors.is(err) and (err.detail or err.message) or tostring(err)
end

local function add_lines(list, text)
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = line
  end
end

local function routes_of(app, problems)
  local ok, err = pcall(app.build, app)
  if not ok then
    problems[#problems + 1] = text_of(err)
  end
  local routes = ok and listing.routes(app) or {}
  for _, route in ipairs(routes) do
    route.middleware = #route.middleware
  end
  return routes
end

local SERVER = [[select current_setting('server_version') as version, current_setting('max_connections')::int as most,
  current_setting('superuser_reserved_connections')::int as reserved]]

local LISTENERS = 1 -- a process has one connection for all its notifications

-- What this node may take of the server's connections, at the worst: twice what a process has, because an old and a new
-- one overlap while it is replaced, and what the old one has lent comes back when its transactions end. Other nodes take as
-- much again.
local function database_of(problems, warnings)
  local settings = core.settings
  if settings.database_url == "" then
    return { configured = false }
  end
  local ok, server = pcall(db.one, db, SERVER)
  if not ok then
    problems[#problems + 1] = "database_url: " .. text_of(server)
    return { configured = true, reachable = false }
  end
  local lacking = migrate.problem(db, settings.app_dir)
  problems[#problems + 1] = lacking and "database_url: " .. lacking
  local process = settings.db_exclusive + settings.db_shared * settings.workers + LISTENERS
  local wanted, free = process * 2, server.most - server.reserved
  if wanted > free then
    warnings[#warnings + 1] = ("db_exclusive %d + db_shared %d × %d workers + %d = %d connections, %d while a process is "
      .. "replaced, and the server has %d: lower db_exclusive, or raise its max_connections"):format(settings.db_exclusive,
      settings.db_shared, settings.workers, LISTENERS, process, wanted, free)
  end
  return {
    configured = true, reachable = true, version = server.version, max_connections = server.most,
    reserved = server.reserved, exclusive = settings.db_exclusive, shared = settings.db_shared,
    workers = settings.workers, process = process, wanted = wanted, nodes = math.floor(free / wanted),
  }
end

local function examine(root)
  local report = { app = root, env = core.settings.env, problems = {}, warnings = {} }
  add_lines(report.problems, core.sources.problems)
  add_lines(report.warnings, core.sources.warnings)
  report.database = database_of(report.problems, report.warnings)
  local app, problems = App.try_load(root)
  for _, problem in ipairs(problems) do
    report.problems[#report.problems + 1] = problem
  end
  report.routes = app and routes_of(app, report.problems) or {}
  report.settings = listing.settings()
  report.ok = #report.problems == 0
  return report
end

-- ---- printing ----------------------------------------------------------------------

local function print_routes(routes)
  local rows = {}
  for i, one in ipairs(routes) do
    rows[i] = { one.method, one.path, one.name or "", one.handler, ("%d middleware"):format(one.middleware) }
  end
  print(#rows == 0 and "no routes" or "routes")
  listing.print(rows, "  ")
end

local function print_database(database)
  print "database"
  if not database.configured then
    print "  none is configured: set DATABASE_URL, or start a private one with `rille db start`"
  elseif not database.reachable then
    print "  cannot be reached"
  else
    print(("  PostgreSQL %s; max_connections %d, %d of them reserved"):format(database.version, database.max_connections,
      database.reserved))
    print(("  a process takes %d: %d exclusive + %d shared × %d workers + %d that listens; × 2 while it is replaced: %d"):format(
      database.process, database.exclusive, database.shared, database.workers, LISTENERS, database.wanted))
    print(("  room for %d nodes like this one"):format(database.nodes))
  end
end

local function print_list(title, list)
  if #list == 0 then
    return
  end
  io.stdout:flush()
  io.stderr:write(title, "\n")
  for _, text in ipairs(list) do
    io.stderr:write("  ", (text:gsub("\n", "\n  ")), "\n")
  end
end

local function print_report(report)
  print(("%s, %s"):format(report.app, report.env))
  listing.print_settings(report.settings)
  print_routes(report.routes)
  print_database(report.database)
  print_list("warnings", report.warnings)
  print_list("problems", report.problems)
end

local function print_json(report)
  for _, name in ipairs { "problems", "warnings", "routes", "settings" } do
    core.array(report[name])
  end
  print(core.json_encode(report))
end

return function(...)
  local root, is_json = listing.words("check", USAGE, ...)
  if not root then
    return is_json
  end
  cluster.stand_in(core.settings)
  local report = examine(root);
  (is_json and print_json or print_report)(report)
  return report.ok and 0 or 1
end
