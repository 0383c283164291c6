--- A page in the shop's layout, whose head says how much is in the cart.

local cart = require "models.cart"

-- Every page shows the visitor's cart: no cache may give it to somebody else,
-- and the way back from the checkout must not show what was there before it.
local CACHING = "private, no-cache"

--- @tparam string name of the template
-- @tparam[opt] table data its variables
-- @treturn answer
local function view(c, name, data)
  data = data or {}
  data.cart_count = cart.count(cart.read(c))
  c:set_header("Cache-Control", CACHING)
  return c:render(name, data)
end

return view
