local rille = require "rille"
local input = require "input"
local page = require "page"
local db = rille.db

return function(api)
  api:get("/products", function(c)
    local after, fetch = page.asked(c)
    local rows = db:query([[
      select id, sku, name, price_cents, currency_code, stock
      from products where id > $1 order by id limit $2]], after or 0, fetch)
    return page.of(rows, fetch)
  end)

  api:get("/products/:id", function(c)
    local id = input.id(c.params.id)
    return id and db:one([[
      select id, sku, name, description, price_cents, currency_code, stock, created_at
      from products where id = $1]], id) or c:fail(404, "no such product")
  end)
end
