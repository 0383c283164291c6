local rille = require "rille"
local input = require "input"
local page = require "page"
local product = require "models.product"

local routes = rille.routes()

routes:get("/products", function(c)
  local after, fetch = page.asked(c)
  return page.of(product:after(after or 0):limit(fetch):all(), fetch)
end)

routes:get("/products/:id", { params = input.ID, max_queries = 2 }, function(c)
  return product:preload("tags"):find(c.params.id) or c:fail(404, "no such product")
end)

return routes
