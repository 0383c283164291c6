--- The cart: what a visitor means to buy, kept in a cookie.
--
--     cart=12x2.45x1        two of product 12, one of product 45
--
-- The cookie is the visitor's to change, so it is read like any input: what
-- makes no sense is left out. It holds no price; those are looked up each time.

local order = require "models.order"
local product = require "models.product"

local cart = {}

-- Lines of up to 22 bytes: all of them stay well below the 4,096 bytes that
-- browsers keep of a cookie (RFC 6265, 6.1).
cart.LINE_MOST = 50
local BYTES_MOST = cart.LINE_MOST * 22

local COOKIE, LIFE = "cart", "30d"

local function parse(text)
  local lines, seen = {}, {}
  if #text > BYTES_MOST then return lines end
  for id, quantity in text:gmatch("(%d+)x(%d+)") do
    id, quantity = tonumber(id), tonumber(quantity)
    local is_sound = id < 1e15 and not seen[id] and quantity >= 1 and quantity <= order.QUANTITY_MOST
    if is_sound and #lines < cart.LINE_MOST then
      seen[id] = true
      lines[#lines + 1] = { product_id = id, quantity = quantity }
    end
  end
  return lines
end

--- The cart that came with the request.
-- @treturn {table,...} lines: product_id, quantity
function cart.read(c)
  return parse(c.cookies[COOKIE] or "")
end

--- Have the visitor's browser keep these lines; none at all removes the cookie.
function cart.write(c, lines)
  local texts = {}
  for i, line in ipairs(lines) do
    texts[i] = ("%dx%d"):format(line.product_id, line.quantity)
  end
  c:set_cookie(COOKIE, texts[1] and table.concat(texts, "."), { max_age = LIFE })
end

local function place_of(lines, product_id)
  for i, line in ipairs(lines) do
    if line.product_id == product_id then return i end
  end
end

--- How much of a product is in it: 0 when there is none.
function cart.quantity_of(lines, product_id)
  local i = place_of(lines, product_id)
  return i and lines[i].quantity or 0
end

--- Change how much of a product is in it.
-- @tparam integer quantity 0 takes the product out
function cart.put(lines, product_id, quantity)
  local i = place_of(lines, product_id) or #lines + 1
  if quantity > 0 then
    lines[i] = { product_id = product_id, quantity = quantity }
  elseif lines[i] then
    table.remove(lines, i)
  end
end

--- How many things there are, counting each piece.
function cart.count(lines)
  local count = 0
  for _, line in ipairs(lines) do
    count = count + line.quantity
  end
  return count
end

--- What the lines stand for today. **Yields.**
-- Products that are gone are left out.
-- @treturn table `items`: product (a row), quantity, cents; `totals`: currency_code,
--   cents, one for each currency
function cart.contents(lines)
  local ids, items, totals, total_of = {}, {}, {}, {}
  for i, line in ipairs(lines) do
    ids[i] = line.product_id
  end
  local products = ids[1] and product:by_id(ids) or {}
  for _, line in ipairs(lines) do
    local row = products[line.product_id]
    if row then
      local cents, currency = row.price_cents * line.quantity, row.currency_code
      if not total_of[currency] then
        total_of[currency] = { currency_code = currency, cents = 0 }
        totals[#totals + 1] = total_of[currency]
      end
      total_of[currency].cents = total_of[currency].cents + cents
      items[#items + 1] = { product = row, quantity = line.quantity, cents = cents }
    end
  end
  return { items = items, totals = totals }
end

return cart
