local rille = require "rille"
local input = require "input"
local order = require "models.order"

local routes = rille.routes()

local function read_order(c)
  local body = input.body(c)
  local user_id = body:integer("user_id", { least = 1, most = input.ID_MOST })
  local seen = {}
  local lines = body:objects("items", { most = order.LINE_MOST }, function(item)
    local product_id = item:integer("product_id", { least = 1, most = input.ID_MOST })
    if product_id and seen[product_id] then
      item:reject("product_id", "duplicate", "is in the order already: raise its quantity")
    end
    seen[product_id or 0] = true
    local quantity = item:integer("quantity", { least = 1, most = order.QUANTITY_MOST })
    return { product_id = product_id, quantity = quantity }
  end)
  body:finish()
  return user_id, lines
end

routes:post("/orders", function(c)
  local placed = order.place(read_order(c))
  return placed:shown(), 201, { location = ("/api/v1/orders/%d"):format(placed.id) }
end)

routes:get("/orders/:id", { params = input.ID, max_queries = 4 }, function(c)
  return order:whole():get(c.params.id):shown()
end)

routes:post("/orders/:id/cancel", { params = input.ID }, function(c)
  return order:get(c.params.id):cancel():shown()
end)

routes:get("/orders/:id/events", { params = input.ID, max_queries = 2 }, function(c)
  return { items = order:get(c.params.id):query("events"):all() }
end)

return routes
