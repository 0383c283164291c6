--- An order: what a user bought, at the prices of that moment, and what becomes of it.
--
--     placed --> paid --> shipped
--        `-----> cancelled
--
-- Two who change one at once: the second is told so (409), by its lock_version.

local rille = require "rille"
local input = require "input"
local invoice = require "models.invoice"
local order_item = require "models.order_item"
local product = require "models.product"
local user = require "models.user"
local db = rille.db

local order = rille.model("orders", {
  lock = true,
  belongs_to = { user = "models.user" },
  has_one = { invoice = "models.invoice" },
  has_many = {
    items = { "models.order_item", order = "position" },
    products = { "models.product", through = "items", source = "product", order = "id" },
    events = { "models.event", as = "subject", order = "id" },
  },
})

order.LINE_MOST = 100      -- rows that one order may lock
order.QUANTITY_MOST = 1000 -- pieces in a line

--- With their invoices, their items and those's products, whatever the number of orders.
function order.query:whole()
  return self:preload("invoice", { items = "product" })
end

--- Older than an order, newest first.
-- @tparam integer before its id
function order.query:before(before)
  return self:where("id < ?", before):order("-id")
end

--- As the API shows it, with its items.
function order.row:shown()
  local shown = self:only("id", "user_id", "status", "total_cents", "currency_code", "created_at", "shipped_at")
  shown.invoice_id = self.invoice and self.invoice.id or rille.null
  shown.items = rille.array{}
  for i, item in ipairs(self.items) do
    shown.items[i] = item:shown()
  end
  return shown
end

-- The lines' products by id, locked until the transaction ends. In id order:
-- two orders of the same products in opposite order would wait for each other for ever.
-- `no key` lets other orders refer to the row meanwhile.
local function lock_products(of, lines)
  local ids = {}
  for i, line in ipairs(lines) do
    ids[i] = line.product_id
  end
  return of:order("id"):lock("no key update"):by_id(ids)
end

local function problem(path, code, message)
  return { ["in"] = "body", path = path, code = code, message = message }
end

-- What the user and the products make impossible, whoever asks: 422.
local function check_lines(buyer, lines, products)
  local problems, currency = {}, nil
  if not buyer then
    problems[1] = problem("user_id", "unknown", "there is no such user")
  end
  for i, line in ipairs(lines) do
    local bought, path = products[line.product_id], ("items[%d].product_id"):format(i - 1)
    currency = currency or bought and bought.currency_code
    if not bought then
      problems[#problems + 1] = problem(path, "unknown", "there is no such product")
    elseif bought.currency_code ~= currency then
      problems[#problems + 1] = problem(path, "currency",
        ("is sold in %s, the items before it in %s"):format(bought.currency_code, currency))
    end
  end
  input.refuse(problems)
  return currency
end

-- What is impossible only now, because others were faster: 409.
local function check_stock(lines, products)
  local short = {}
  for i, line in ipairs(lines) do
    local bought = products[line.product_id]
    if bought.stock < line.quantity then
      local found = problem(("items[%d].quantity"):format(i - 1), "out_of_stock",
        ("%d of %s wanted, %d left"):format(line.quantity, bought.name, bought.stock))
      found.product_id, found.product, found.stock = bought.id, bought.name, bought.stock
      short[#short + 1] = found
    end
  end
  if #short > 0 then
    rille.fail(409, { code = "out_of_stock", message = short[1].message, details = short })
  end
end

local function total_of(lines, products)
  local cents = 0
  for _, line in ipairs(lines) do
    cents = cents + line.quantity * products[line.product_id].price_cents
  end
  return cents
end

-- What there is of the lines' products, which are locked, so many times their quantities more: one statement for all.
local function add_to_stock(lines, times)
  local ids, quantities = {}, {}
  for i, line in ipairs(lines) do
    ids[i], quantities[i] = line.product_id, line.quantity * times
  end
  db:exec([[
    update products p set stock = p.stock + line.quantity
    from unnest($1::bigint[], $2::int[]) as line (product_id, quantity)
    where p.id = line.product_id]], rille.array(ids), rille.array(quantities))
end

-- The items with the prices of now.
local function add_items(placed, lines, products)
  local items = {}
  for i, line in ipairs(lines) do
    items[i] = {
      order_id = placed.id, position = i, product_id = line.product_id, quantity = line.quantity,
      unit_price_cents = products[line.product_id].price_cents,
    }
  end
  order_item:insert_many(items)
end

--- Place an order: all of its lines or none. **Yields.**
-- However many buy at once, no more is sold than there is: each order looks at
-- the stock only while it holds the products' locks.
-- @tparam integer user_id
-- @tparam {table,...} lines `{ product_id, quantity }` each, no product twice
-- @tparam[opt] string form_key the sheet of the form: one that was sent before, perhaps
--   at this very moment, gives the order that it was
-- @treturn row the order
-- @raise 422 invalid: no such user or product, or more than one currency;
--   409 out_of_stock: the details name each product and what is left of it
function order.place(user_id, lines, form_key)
  return db:transaction(function()
    local buyer = user:lock("key share"):find(user_id)
    local products = lock_products(product, lines)
    -- now whoever sent the same form first has placed it, and taken it from the stock
    local placed = form_key and order:find_by("form_key", form_key)
    if placed then return placed end
    local currency = check_lines(buyer, lines, products)
    check_stock(lines, products)
    placed = order:create{
      user_id = user_id, total_cents = total_of(lines, products), currency_code = currency, form_key = form_key,
    }
    add_items(placed, lines, products)
    add_to_stock(lines, -1)
    return placed
  end)
end

-- One step on, from the status that it must have.
local function go_on(self, from, to, changes)
  if self.status ~= from then
    rille.fail(409, { code = "order_" .. self.status, message = ("this order is %s: it cannot be %s"):format(self.status, to) })
  end
  changes.status = to
  self:update(changes)
  self.events:create{ what = to }
  return self
end

--- It was paid, and has an invoice now. **Yields.**
-- @treturn row the same
-- @raise 409 order_STATUS: only what is placed can be; conflict: somebody else changed it meanwhile
function order.row:pay()
  return db:transaction(function()
    invoice:create{ order_id = go_on(self, "placed", "paid", {}).id }
    return self
  end)
end

--- It is on its way. **Yields.**
-- @treturn row the same
-- @raise 409 as `pay`: only what is paid can be
function order.row:ship()
  return db:transaction(function()
    return go_on(self, "paid", "shipped", { shipped_at = rille.sql "now()" })
  end)
end

--- It is not wanted any more: what was ordered can be sold again. **Yields.**
-- @treturn row the same
-- @raise 409 as `pay`
function order.row:cancel()
  return db:transaction(function()
    go_on(self, "placed", "cancelled", {})
    lock_products(product:with_deleted(), self.items)
    add_to_stock(self.items, 1)
    return self
  end)
end

return order
