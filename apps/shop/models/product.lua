--- Products: what the shop sells.

local rille = require "rille"

local product = rille.model("products")

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

return product
