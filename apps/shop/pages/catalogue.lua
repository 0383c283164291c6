-- The list of products, a page at a time, and each product's page, from which
-- it is put into the cart.

local rille = require "rille"
local cart = require "models.cart"
local form = require "form"
local input = require "input"
local order = require "models.order"
local product = require "models.product"
local view = require "view"
local v = rille.schema

local pages = rille.routes()

local PAGE_LEN = 12 -- fills rows of one to four

local PLACE = v.object({
  after = v.integer{ min = 0, max = input.ID_MOST }:optional(),
  before = v.integer{ min = 0, max = input.ID_MOST }:optional(),
}, { unknown = "drop" }) -- links from elsewhere carry marks of their own

local QUANTITY = v.object({ quantity = v.integer{ min = 1, max = order.QUANTITY_MOST } }, { unknown = "drop" })

-- At most PAGE_LEN of the rows; and whether there were more.
local function cut(rows)
  local items = {}
  for i = 1, math.min(#rows, PAGE_LEN) do
    items[i] = rows[i]
  end
  return items, #rows > PAGE_LEN
end

local function page_before(id)
  local nearest, has_more = cut(product:before(id):limit(PAGE_LEN + 1):all())
  local items, count = {}, #nearest
  for i = 1, count do
    items[i] = nearest[count + 1 - i]
  end
  return { items = items, previous = has_more and items[1].id, next = count > 0 and items[count].id }
end

local function page_after(id)
  local items, has_more = cut(product:after(id):limit(PAGE_LEN + 1):all())
  return { items = items, previous = id > 0 and items[1] and items[1].id, next = has_more and items[#items].id }
end

pages:get("/", { name = "products", query = PLACE }, function(c)
  local query = c.query
  return view(c, "products", query.before and page_before(query.before) or page_after(query.after or 0))
end)

local function tag_names(row)
  local names = {}
  for i, tag in ipairs(row.tags) do
    names[i] = tag.name
  end
  return table.concat(names, ", ")
end

local function product_page(c, row, answers)
  return view(c, "product", {
    product = row, tags = tag_names(row),
    in_cart = cart.quantity_of(cart.read(c), row.id),
    quantity = answers:fields{ { name = "quantity", label = "Quantity" } }[1],
  })
end

pages:get("/products/:id", { name = "product", params = input.ID }, function(c)
  local row = product:with_deleted():find(c.params.id) or c:fail(404, "no such product")
  if row.deleted_at then
    local successor = row.successor or c:fail(410, "This product is no longer sold.")
    return rille.redirect(c:url_for("product", { id = successor.id }))
  end
  return product_page(c, row, form.blank{ quantity = "1" })
end)

-- What keeps so many more of a product out of the cart, if anything does.
local function obstacle(row, lines, quantity)
  local held = cart.quantity_of(lines, row.id)
  if held == 0 and #lines >= cart.LINE_MOST then
    return ("cannot be added: a cart holds %d different products"):format(cart.LINE_MOST)
  elseif held + quantity > math.min(row.stock, order.QUANTITY_MOST) then
    return held == 0 and ("must be at most %d"):format(math.min(row.stock, order.QUANTITY_MOST))
        or ("is too much: %d are in your cart, and there are %d in all"):format(held, row.stock)
  end
end

pages:post("/products/:id", { params = input.ID, max_body = "16K" }, function(c)
  local row = product:find(c.params.id) or c:fail(404, "no such product")
  local answers, lines = form.read(c, QUANTITY), cart.read(c)
  local quantity = answers.value and answers.value.quantity
  local problem = quantity and obstacle(row, lines, quantity)
  if problem then answers:reject("quantity", problem) end
  if not answers:is_right() then return product_page(c, row, answers), 422 end

  cart.put(lines, row.id, cart.quantity_of(lines, row.id) + quantity)
  cart.write(c, lines)
  return rille.redirect(c:url_for("cart"), 303)
end)

return pages
