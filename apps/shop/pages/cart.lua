-- The cart's page: how much of each, and out with it.

local rille = require "rille"
local cart = require "models.cart"
local form = require "form"
local input = require "input"
local order = require "models.order"
local view = require "view"
local v = rille.schema

local pages = rille.routes()

local CHANGE = v.object({
  product_id = v.integer{ min = 1, max = input.ID_MOST },
  quantity = v.integer{ min = 1, max = order.QUANTITY_MOST },
}, { unknown = "drop" })

-- `answers` is the form of one of the lines, filled in wrongly; the others show what is.
local function cart_page(c, answers)
  local contents = cart.contents(cart.read(c))
  local wrong_id = answers and answers.typed.product_id
  for _, item in ipairs(contents.items) do
    local id = ("%d"):format(item.product.id)
    local own = id == wrong_id and answers or form.blank{ quantity = tostring(item.quantity) }
    item.field = own:fields{ { name = "quantity", id = "quantity-" .. id, label = "Quantity" } }[1]
  end
  return view(c, "cart", contents)
end

pages:get("/cart", { name = "cart" }, function(c)
  return cart_page(c)
end)

-- One line's form: its button is "set" or "remove", and who removes need not have a sound quantity.
local function changed_line(c)
  local answers = form.read(c, CHANGE)
  if answers.typed.action == "remove" and not answers.problems.product_id then
    return { product_id = tonumber(answers.typed.product_id), quantity = 0 }
  end
  if answers:is_right() then
    local item = cart.contents{ answers.value }.items[1]
    if item and item.quantity > item.product.stock then
      answers:reject("quantity", item.product.stock == 0 and "cannot be had: it is sold out"
        or ("must be at most %d"):format(item.product.stock))
    end
  end
  return answers:is_right() and answers.value or nil, answers
end

pages:post("/cart", { max_body = "16K" }, function(c)
  local line, answers = changed_line(c)
  if not line then return cart_page(c, answers), 422 end

  local lines = cart.read(c)
  if cart.quantity_of(lines, line.product_id) > 0 then -- what is not there is not put in from here
    cart.put(lines, line.product_id, line.quantity)
    cart.write(c, lines)
  end
  return rille.redirect(c:url_for("cart"), 303)
end)

return pages
