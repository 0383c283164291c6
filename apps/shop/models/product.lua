--- Products: what the shop sells. What it has withdrawn is marked as deleted: orders go on naming it.

local rille = require "rille"
local db = rille.db

local product = rille.model("products", {
  soft_delete = true,
  hidden = { "deleted_at" },
  defaults = { currency_code = "EUR" },
  computed = { is_available = function(row) return row.stock > 0 end },
  belongs_to = { successor = "models.product" },
  has_one = { predecessor = { "models.product", key = "successor_id", with_deleted = true } },
  has_many = {
    lines = "models.order_item",
    orders = { "models.order", through = "lines", source = "order", order = "-id" },
    events = { "models.event", as = "subject", order = "id" },
  },
  many_to_many = { tags = { "models.tag", table = "product_tags", order = "name" } },
})

--- What lists show of them.
function product.query:brief()
  return self:select("id", "sku", "name", "price_cents", "currency_code", "stock")
end

--- Those behind an id, in order.
-- @tparam integer after an id; 0 for the beginning
function product.query:after(after)
  return self:brief():where("id > ?", after):order("id")
end

--- Those before an id, the nearest first: to page back.
function product.query:before(before)
  return self:brief():where("id < ?", before):order("-id")
end

--- Several products in one statement. **Yields.**
-- @tparam {integer,...} ids
-- @treturn table rows by id; those that are gone are not there
function product.query:by_id(ids)
  local found = {}
  for _, row in ipairs(self:brief():where_in("id", ids):all()) do
    found[row.id] = row
  end
  return found
end

--- Sell it no more. **Yields.**
-- @tparam[opt] row successor what is sold instead
-- @treturn row the same
function product.row:withdraw(successor)
  return db:transaction(function()
    self:delete()
    self:update{ successor_id = successor and successor.id }
    self.events:create{ what = "withdrawn" }
    return self
  end)
end

return product
