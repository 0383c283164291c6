--- `rille migrate [up|down|status]`: see rille.migrate.
local migrate = require "rille.migrate"

return function(...)
  return migrate.run { ... }
end
