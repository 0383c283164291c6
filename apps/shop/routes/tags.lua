local rille = require "rille"
local page = require "page"
local tag = require "models.tag"

local routes = rille.routes()

routes:get("/tags", { max_queries = 2 }, function()
  return { items = tag:order("name"):preload_count("products"):all() }
end)

routes:get("/tags/:name/products", { max_queries = 2 }, function(c)
  local found = tag:find_by("name", c.params.name) or c:fail(404, "no such tag")
  local after, fetch = page.asked(c)
  return page.of(found:query("products"):after(after or 0):limit(fetch):all(), fetch)
end)

return routes
