local rille = require "rille"
local db = rille.db

local routes = rille.routes()

routes:get("/currencies", function()
  return { items = db:query("select code, numeric_code, name from currencies order by code") }
end)

return routes
