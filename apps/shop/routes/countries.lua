local rille = require "rille"
local country = require "models.country"

local routes = rille.routes()

routes:get("/countries", function()
  return { items = country:brief():all() }
end)

routes:get("/countries/:code", function(c)
  return country:find(c.params.code:upper()) or c:fail(404, "no such country")
end)

return routes
