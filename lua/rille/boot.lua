--- Load the app in a folder, and hand its routes to the server.
-- The framework is loaded before anything is collected: nothing of it is garbage. Nor is it compiled, as nothing is
-- before the app has loaded (core/vm/vm.h): no loop of its own runs for long. That takes a quarter of the instructions
-- of a start away.
collectgarbage "stop"
require "rille" -- by all apps
local App = require "rille.app"
local config = require "rille.config"
local core = require "rille.core"
local db = require "rille.db"
local deadlock = require "rille.deadlock"
local guard = require "rille.guard"
local later = require "rille.later"
local dashboard = later.of "rille.dashboard"
local leaks = later.of "rille.leaks"
local migrate = later.of "rille.migrate"
local repeated = later.of "rille.repeated"
local token = later.of "rille.dashboard.token"

-- An app that was given a database and cannot reach it, or finds other tables there than
-- its own, should say so now, and not to its first user.
local function check_database()
  if (core.settings.database_url or "") == "" then
    return
  end
  local ok, err = pcall(db.exec, db, "select 1")
  if not ok then
    error("database_url: " .. (type(err) == "table" and (err.detail or err.message) or tostring(err)), 0)
  end
  local problem = migrate.problem(db, core.settings.app_dir)
  if problem then
    error("database_url: " .. problem, 0)
  end
end

collectgarbage("restart", -1) -- when there is as much again

return function(root)
  guard.install()
  check_database()
  local app = App.load(root)
  config.current:finish()
  if core.settings.env == "development" then
    repeated.watch()
    deadlock.watch()
    leaks.watch(function(text, request_id) core.log("warn", text, "request_id", request_id) end)
  end
  local beside = {}
  if core.is_dev() then
    beside[1] = dashboard.app(dashboard.only_here)
    core.watch_pages()
  end
  if core.settings.admin ~= "" then
    beside[#beside + 1] = dashboard.app(token.guard, "admin")
  end
  app:build(beside)
  return 0
end
