--- `rille migrate [up|down|redo|status|new|diff]`: see rille.migrate.
--
-- Where no database is named, it is the private one of `rille dev` and `rille db`, when that runs.
local cluster = require "rille.cluster"
local core = require "rille.core"
local migrate = require "rille.migrate"

return function(...)
  io.stdout:setvbuf "line" -- in the order of what stands on standard error
  cluster.stand_in(core.settings)
  return migrate.run { ... }
end
