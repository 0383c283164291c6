--- `rille migrate [up|down|redo|status|new|diff]`: see rille.migrate.
local migrate = require "rille.migrate"

return function(...)
  io.stdout:setvbuf "line" -- in the order of what stands on standard error
  return migrate.run { ... }
end
