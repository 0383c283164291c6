local rille = require "rille"
local db = rille.db

local routes = rille.routes()

routes:get("/countries", function()
  return { items = db:query("select code, alpha3, numeric_code, name, flag from countries order by name") }
end)

routes:get("/countries/:code", function(c)
  return db:one(
    "select code, alpha3, numeric_code, name, official_name, flag from countries where code = $1",
    c.params.code:upper()) or c:fail(404, "no such country")
end)

return routes
