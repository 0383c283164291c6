--- A line of an order: so much of a product, at its price of that moment.

local rille = require "rille"

local order_item = rille.model("order_items", {
  belongs_to = { order = "models.order", product = { "models.product", with_deleted = true } },
  touch = { "order" },
  computed = { cents = function(row) return row.quantity * row.unit_price_cents end },
})

--- As the API shows it: with what it is called today.
function order_item.row:shown()
  local product = self.product
  return {
    product_id = self.product_id, sku = product.sku, name = product.name,
    quantity = self.quantity, unit_price_cents = self.unit_price_cents,
  }
end

return order_item
