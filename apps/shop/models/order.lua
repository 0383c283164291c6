--- An order: what a user bought, at the prices of that moment.

local rille = require "rille"
local input = require "input"
local db = rille.db

local order = {}

order.LINE_MOST = 100      -- rows that one order may lock
order.QUANTITY_MOST = 1000 -- pieces in a line

-- The items come with their order in the same statement, whatever the number of orders.
local SELECT = [[
  select o.id, o.user_id, o.status, o.total_cents, o.currency_code, o.created_at, o.shipped_at, i.items
  from orders o
  cross join lateral (
    select coalesce(json_agg(json_build_object(
      'product_id', p.id, 'sku', p.sku, 'name', p.name,
      'quantity', oi.quantity, 'unit_price_cents', oi.unit_price_cents) order by oi.position), '[]') as items
    from order_items oi join products p on p.id = oi.product_id
    where oi.order_id = o.id) i
]]

--- The order with its items. **Yields.**
-- @tparam integer id
-- @treturn row|nil
function order.find(id)
  return db:one(SELECT .. "where o.id = $1", id)
end

--- The order that was placed with this sheet of the form. **Yields.**
-- @tparam string form_key
-- @treturn row|nil
function order.of_form(form_key)
  return db:one(SELECT .. "where o.form_key = $1", form_key)
end

--- A user's orders with their items, newest first. **Yields.**
-- @tparam integer user_id
-- @tparam integer before the id of an order: only older ones
-- @tparam integer limit how many at most
-- @treturn {row,...}
function order.of_user(user_id, before, limit)
  return db:query(SELECT .. [[
where o.user_id = $1 and o.id < $2 order by o.id desc limit $3]],
    user_id, before, limit)
end

-- The ids and quantities as two arrays, for statements that take all lines at once.
local function columns_of(lines)
  local ids, quantities = {}, {}
  for i, line in ipairs(lines) do
    ids[i], quantities[i] = line.product_id, line.quantity
  end
  return rille.array(ids), rille.array(quantities)
end

-- The lines' products by id, locked until the transaction ends. In id order:
-- two orders of the same products in opposite order would wait for each other for ever.
-- `no key` lets other orders refer to the row meanwhile.
local function lock_products(ids)
  local rows = db:query([[
    select id, name, price_cents, currency_code, stock from products
    where id = any($1::bigint[]) order by id for no key update]], ids)
  local by_id = {}
  for _, row in ipairs(rows) do
    by_id[row.id] = row
  end
  return by_id
end

local function problem(path, code, message)
  return { ["in"] = "body", path = path, code = code, message = message }
end

-- What the user and the products make impossible, whoever asks: 422.
local function check_lines(user, lines, products)
  local problems, currency = {}, nil
  if not user then
    problems[1] = problem("user_id", "unknown", "there is no such user")
  end
  for i, line in ipairs(lines) do
    local product, path = products[line.product_id], ("items[%d].product_id"):format(i - 1)
    currency = currency or product and product.currency_code
    if not product then
      problems[#problems + 1] = problem(path, "unknown", "there is no such product")
    elseif product.currency_code ~= currency then
      problems[#problems + 1] = problem(path, "currency",
        ("is sold in %s, the items before it in %s"):format(product.currency_code, currency))
    end
  end
  input.refuse(problems)
  return currency
end

-- What is impossible only now, because others were faster: 409.
local function check_stock(lines, products)
  local short = {}
  for i, line in ipairs(lines) do
    local product = products[line.product_id]
    if product.stock < line.quantity then
      local found = problem(("items[%d].quantity"):format(i - 1), "out_of_stock",
        ("%d of %s wanted, %d left"):format(line.quantity, product.name, product.stock))
      found.product_id, found.product, found.stock = product.id, product.name, product.stock
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

local function insert(user_id, total_cents, currency, form_key, ids, quantities)
  local id = db:one([[
    insert into orders (user_id, total_cents, currency_code, form_key) values ($1, $2, $3, $4) returning id]],
    user_id, total_cents, currency, form_key).id
  db:exec([[
    insert into order_items (order_id, position, product_id, quantity, unit_price_cents)
    select $1, line.position, p.id, line.quantity, p.price_cents
    from unnest($2::bigint[], $3::int[]) with ordinality as line (product_id, quantity, position)
    join products p on p.id = line.product_id]], id, ids, quantities)
  db:exec([[
    update products p set stock = p.stock - line.quantity
    from unnest($1::bigint[], $2::int[]) as line (product_id, quantity)
    where p.id = line.product_id]], ids, quantities)
  return id
end

--- Place an order: all of its lines or none. **Yields.**
-- However many buy at once, no more is sold than there is: each order looks at
-- the stock only while it holds the products' locks.
-- @tparam integer user_id
-- @tparam {table,...} lines `{ product_id, quantity }` each, no product twice
-- @tparam[opt] string form_key the sheet of the form: one that was sent before, perhaps
--   at this very moment, gives the order that it was
-- @treturn row the order with its items
-- @raise 422 invalid: no such user or product, or more than one currency;
--   409 out_of_stock: the details name each product and what is left of it
function order.place(user_id, lines, form_key)
  local ids, quantities = columns_of(lines)
  return db:transaction(function()
    local user = db:one("select id from users where id = $1 for key share", user_id)
    local products = lock_products(ids)
    -- now whoever sent the same form first has placed it, and taken it from the stock
    local placed = form_key and order.of_form(form_key)
    if placed then return placed end
    local currency = check_lines(user, lines, products)
    check_stock(lines, products)
    return order.find(insert(user_id, total_of(lines, products), currency, form_key, ids, quantities))
  end)
end

return order
