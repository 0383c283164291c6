local rille = require "rille"
local currency = require "models.currency"

local routes = rille.routes()

routes:get("/currencies", function()
  return { items = currency:order("code"):all() }
end)

return routes
