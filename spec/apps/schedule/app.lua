--- Schedules of each scope, and the process whose they are.
local rille = require "rille"

local app, db = rille.app(), rille.db

for _, scope in ipairs { "worker", "node", "cluster" } do
  app:every("50ms", function()
    db:exec("insert into runs (scope, port) values ($1, $2)", scope, rille.config.keepalive_timeout)
  end, { scope = scope, name = "test " .. scope })
end

return app
