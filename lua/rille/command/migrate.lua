--- `rille migrate [up|down|redo|status|new|diff]`: see rille.migrate.
--
-- Where no database is named, it is the private one of `rille dev` and `rille db`, when that runs.
local cluster = require "rille.cluster"
local core = require "rille.core"
local migrate = require "rille.migrate"

return function(...)
  io.stdout:setvbuf "line" -- in the order of what stands on standard error
  if core.settings.database_url == "" and cluster.status() == "running" then
    core.settings.database_url = cluster.url()
  end
  return migrate.run { ... }
end
