--- Users: known by their e-mail address, whatever its case.

local rille = require "rille"

local user = rille.model("users", {
  writable = { "email", "name", "country_code" },
  belongs_to = { country = { "models.country", key = "country_code" } },
  has_one = { last_order = { "models.order", order = "-id" } },
  has_many = {
    orders = "models.order",
    latest_orders = { "models.order", order = "-id", limit = 3 },
    open_orders = { "models.order", where = { "status in ('placed', 'paid')" } },
    lines = { "models.order_item", through = "orders", source = "items" },
  },
})

-- The index decides, not a look beforehand: two requests at once would both find the address free.
local ADDRESS = rille.sql("(lower(email))")

--- The user with this address, created if need be. **Yields.**
-- One who is known keeps name and country: whoever types an address has not
-- proven that it is theirs to change.
-- @treturn row
function user.of_email(fields)
  return user:upsert(fields, { on = ADDRESS, update = {} })
end

return user
