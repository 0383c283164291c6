local input = require "input"
local order = require "models.order"

local LINE_MOST = 100     -- rows that one order may lock
local QUANTITY_MOST = 1000

local function read_order(c)
  local body = input.body(c)
  local user_id = body:integer("user_id", { least = 1, most = input.ID_MOST })
  local seen = {}
  local lines = body:objects("items", { most = LINE_MOST }, function(item)
    local product_id = item:integer("product_id", { least = 1, most = input.ID_MOST })
    if product_id and seen[product_id] then
      item:reject("product_id", "duplicate", "is in the order already: raise its quantity")
    end
    seen[product_id or 0] = true
    local quantity = item:integer("quantity", { least = 1, most = QUANTITY_MOST })
    return { product_id = product_id, quantity = quantity }
  end)
  body:finish()
  return user_id, lines
end

return function(api)
  api:post("/orders", function(c)
    local placed = order.place(read_order(c))
    return placed, 201, { location = ("/api/v1/orders/%d"):format(placed.id) }
  end)

  api:get("/orders/:id", function(c)
    local id = input.id(c.params.id)
    return id and order.find(id) or c:fail(404, "no such order")
  end)
end
