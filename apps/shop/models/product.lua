--- Products: what the shop sells.

local rille = require "rille"
local db = rille.db

local product = {}

local BRIEF = "select id, sku, name, price_cents, currency_code, stock from products "

--- Products behind an id, in order. **Yields.**
-- @tparam integer after an id; 0 for the beginning
-- @tparam integer limit how many at most
-- @treturn {row,...}
function product.after(after, limit)
  return db:query(BRIEF .. "where id > $1 order by id limit $2", after, limit)
end

--- Products before an id, the nearest first: to page back. **Yields.**
-- @treturn {row,...}
function product.before(before, limit)
  return db:query(BRIEF .. "where id < $1 order by id desc limit $2", before, limit)
end

--- One product with all that is known of it. **Yields.**
-- @treturn row|nil
function product.find(id)
  return db:one([[
    select id, sku, name, description, price_cents, currency_code, stock, created_at
    from products where id = $1]], id)
end

--- Several products in one statement. **Yields.**
-- @tparam {integer,...} ids
-- @treturn table rows by id; those that are gone are not there
function product.by_id(ids)
  local found = {}
  for _, row in ipairs(db:query(BRIEF .. "where id = any($1::bigint[])", rille.array(ids))) do
    found[row.id] = row
  end
  return found
end

return product
