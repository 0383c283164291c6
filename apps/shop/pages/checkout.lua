-- From the cart to an order, and the order's page.

local rille = require "rille"
local cart = require "models.cart"
local country = require "models.country"
local form = require "form"
local input = require "input"
local order = require "models.order"
local user = require "models.user"
local view = require "view"
local db, v = rille.db, rille.schema

local pages = rille.routes()

local BUYER = v.object({
  name = v.string{ max = 120 },
  email = v.email(),
  country_code = v.string{ pattern = "^%u%u$", message = "must be one of the list" },
}, { unknown = "drop" })

-- `autocomplete` has the browser offer what it knows (HTML, 4.10.18.7).
local FIELDS = {
  { name = "name", label = "Name", autocomplete = "name" },
  { name = "email", label = "Email", type = "email", autocomplete = "email" },
  { name = "country_code", label = "Country", autocomplete = "country" },
}

local function country_options()
  local options = { { value = "", text = "Choose a country" } }
  for i, row in ipairs(country:select("code", "name"):order("name"):all()) do
    options[i + 1] = { value = row.code, text = row.name }
  end
  return options
end

-- Each sheet of the form has a key: what is sent with it twice is one order.
local function key_of(answers)
  return answers.typed.form_key and answers.typed.form_key:match("^" .. ("[0-9a-f]"):rep(32) .. "$")
end

local function checkout_page(c, contents, answers, refusals)
  local fields = answers:fields(FIELDS)
  fields[#FIELDS].options = country_options()
  return view(c, "checkout", {
    items = contents.items, total = contents.totals[1], fields = fields, refusals = refusals or {},
    is_wrong = not answers:is_right(), form_key = key_of(answers) or rille.random(16),
  })
end

-- What can be ordered, or nil: an order is paid in one currency. The cart's page says so.
local function orderable(c)
  local contents = cart.contents(cart.read(c))
  return #contents.totals == 1 and contents or nil
end

pages:get("/checkout", { name = "checkout" }, function(c)
  local contents = orderable(c)
  if not contents then return rille.redirect(c:url_for("cart"), 303) end
  return checkout_page(c, contents, form.blank())
end)

local function read_buyer(c)
  local answers = form.read(c, BUYER)
  local code = not answers.problems.country_code and answers.typed.country_code
  if code and not country:find(code) then
    answers:reject("country_code", "must be one of the list")
  end
  return answers
end

-- The buyer is created with the order or not at all.
local function place(buyer, items, form_key)
  local lines = {}
  for i, item in ipairs(items) do
    lines[i] = { product_id = item.product.id, quantity = item.quantity }
  end
  return db:transaction(function()
    return order.place(user.of_email(buyer).id, lines, form_key)
  end)
end

-- The order; nil and what others were faster to buy.
local function try_to_place(...)
  local ok, result = pcall(place, ...)
  if ok then return result end
  if type(result) == "table" and result.code == "out_of_stock" then return nil, result.details end
  error(result, 0)
end

local function show_placed(c, placed)
  cart.write(c, {})
  return rille.redirect(c:url_for("order", { id = placed.id }), 303)
end

pages:post("/checkout", { max_body = "16K" }, function(c)
  local answers = read_buyer(c)
  local form_key = key_of(answers)
  local before = form_key and order:find_by("form_key", form_key) -- also when its cart is gone already
  if before then return show_placed(c, before) end
  local contents = orderable(c)
  if not contents then return rille.redirect(c:url_for("cart"), 303) end
  if not answers:is_right() then return checkout_page(c, contents, answers), 422 end

  local placed, refusals = try_to_place(answers.value, contents.items, form_key)
  if not placed then return checkout_page(c, contents, answers, refusals), 409 end
  return show_placed(c, placed)
end)

-- An order's lines as views/items shows them: what the buyer saw in the cart.
local function items_of(placed)
  local items = {}
  for i, line in ipairs(placed.items) do
    items[i] = { product = line.product, quantity = line.quantity, cents = line.cents }
  end
  return items
end

-- Whoever knows an order's number sees it, as in the API: so not whose it is.
pages:get("/orders/:id", { name = "order", params = input.ID }, function(c)
  local placed = order:whole():find(c.params.id) or c:fail(404, "no such order")
  return view(c, "order", { order = placed, items = items_of(placed) })
end)

return pages
