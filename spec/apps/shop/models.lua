--- What models can do, on the shop's own tables. Run by spec/apps/shop_models_spec.lua, with a database that
-- holds the reference data; each example's work is rolled back.
local rille = require "rille"
local t = rille.test "apps/shop"
local country, event, invoice = t.require "models.country", t.require "models.event", t.require "models.invoice"
local order, order_item = t.require "models.order", t.require "models.order_item"
local product, tag, user = t.require "models.product", t.require "models.tag", t.require "models.user"

t.factory("product", {
  sku = function(n) return ("FEATURE-%d"):format(n) end, name = function(n) return "Thing " .. n end,
  price_cents = function(n) return n * 100 end, stock = 10,
}, { traits = { sold_out = { stock = 0 } } })
t.factory("user", {
  email = function(n) return ("u%d@example.com"):format(n) end, name = function(n) return "User " .. n end, country_code = "IS",
})
t.factory("order", { total_cents = 0, currency_code = "EUR" })
t.factory("tag", { name = function(n) return "feature-" .. n end })
t.factory("item", {
  position = function(n) return n end, quantity = 2, unit_price_cents = 100,
}, { model = "models.order_item" })

-- So many orders of so many items, each order another user's.
local function orders(count, items)
  local made = {}
  for i = 1, count do
    made[i] = t.create("order", { user = t.create "user" })
    for _ = 1, items do t.create("item", { order_id = made[i].id, product_id = t.create("product").id }) end
    made[i]:reload() -- its items have touched it
  end
  return made
end

-- The names that a table has.
local function names_of(fields)
  local names = {}
  for name in pairs(fields or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- A column's values, in the order of the rows.
local function column(rows, name)
  local values = {}
  for i, row in ipairs(rows) do values[i] = row[name] end
  return values
end

local function refused(status, code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.same({ status, code }, { err.status, err.code })
  return err
end

describe("the shop's models", function()
  local function mine() return product:where("sku like ?", "FEATURE-%") end

  describe("are", function()
    it("the tables' columns, with defaults, computed attributes, and what JSON leaves out", function()
      local thing = t.create "product"
      assert.same({ "EUR", true, false }, { thing.currency_code, thing.is_available, t.create("product", "sold_out").is_available })
      assert.same({ sku = thing.sku, is_available = true, description = rille.null }, thing:only("sku", "is_available", "description"))
      local shown = rille.json.decode(rille.json.encode(product:find(thing.id)))
      assert.same({ thing.price_cents, rille.null, nil }, { shown.price_cents, shown.description, shown.deleted_at })
      assert.error_matches(function() return thing.skew end, "sku")
    end)

    it("given what may come from outside, and that checked", function()
      local err = refused(422, "invalid", user.create, user, t.build("user", { id = 7 }))
      assert.same({ "id", "unknown" }, { err.details[1].path, err.details[1].code })
      assert.equal("2020-01-01T00:00:00.000000Z", user:create(t.build "user", { created_at = "2020-01-01T00:00:00Z" }).created_at)
      local row, problems = tag:try_create { name = "no blanks" }
      assert.same({ "name", "pattern" }, { row or problems[1].path, problems[1].code })
      assert.equal("linen-2", tag:create({ name = "Linen-2" }).name) -- by its hook
    end)

    it("withdrawn and brought back, while orders go on naming them", function()
      local item, heir = t.create "item", t.create "product"
      local old = item.product
      old:withdraw(heir)
      assert.is_nil(product:find(old.id))
      assert.same({ old.id, old.id }, { product:with_deleted():find(old.id).id, product:only_deleted():one().id })
      assert.same({ old.sku, old.id }, { order_item:find { order_id = item.order_id, position = item.position }.product.sku, heir.predecessor.id })
      assert.same({ heir.id, { "withdrawn" } }, { old.successor.id, column(old.events, "what") })
      assert.equal(0, product:where { id = old.id }:update_all { stock = 0 })
      assert.is_false(pcall(old.restore, old)) -- the table's check: what has a successor is not sold
      old:update { successor_id = rille.null }
      old:restore()
      assert.equal(old.id, product:find(old.id).id)
    end)

    it("not written over what somebody else wrote", function()
      local mine_now = t.create "order"
      local theirs = order:find(mine_now.id)
      theirs:cancel()
      refused(409, "conflict", mine_now.pay, mine_now)
      assert.same({ "cancelled", 0 }, { mine_now:reload().status, invoice:where { order_id = mine_now.id }:count() })
      assert.match("this order is cancelled", refused(409, "order_cancelled", mine_now.pay, mine_now).message)
    end)

    it("followed by what they belong to", function()
      local item = t.create "item"
      order:where { id = item.order_id }:update_all { updated_at = "2020-01-01T00:00:00Z" }
      item:update { quantity = 3 }
      assert.is_true(order:find(item.order_id).updated_at > "2020-01-02")
    end)
  end)

  describe("ask", function()
    it("by conditions, in an order, so many, and some columns", function()
      t.create_list("product", 5)
      t.create("product", "sold_out", { name = "Gone" })
      assert.equal(6, mine():count())
      assert.equal("Gone", mine():where { stock = 0 }:one().name)
      assert.equal(2, product:where { name = "Gone" }:or_where { sku = mine():first().sku }:count())
      assert.equal(5, mine():not_ { stock = 0 }:count())
      assert.same({ 6, 0 }, { mine():where_null("description"):count(), mine():where_not_null("description"):count() })
      assert.equal("Gone", product:find_by("name", "Gone").name)
      local two = mine():order("-price_cents"):limit(2):offset(1):pluck "price_cents"
      assert.is_true(#two == 2 and two[1] > two[2])
      assert.same({ "name" }, names_of(mine():select("name"):first():values()))
    end)

    it("for sums and groups", function()
      t.create("product", { price_cents = 100, stock = 1 })
      t.create("product", { price_cents = 300, stock = 2, currency_code = "USD" })
      t.create("product", { price_cents = 500, stock = 3, currency_code = "USD" })
      assert.same({ 900, 100, 500 }, { mine():sum "price_cents", mine():min "price_cents", mine():max "price_cents" })
      assert.equal(300, tonumber(mine():avg "price_cents"))
      assert.same({ "EUR", "USD" }, mine():distinct():order("currency_code"):pluck "currency_code")
      assert.same({ EUR = 1, USD = 2 }, mine():group("currency_code"):count())
      assert.same({ USD = 2 }, mine():group("currency_code"):having("count(*) > ?", 1):count())
    end)

    it("in lists as one parameter, below others, and joined", function()
      local things = t.create_list("product", 3)
      assert.equal(2, product:where_in("id", { things[1].id, things[3].id }):count())
      assert.equal(0, product:where_in("id", {}):count())
      local one = orders(1, 1)[1]
      assert.equal(1, user:where_in("id", order:where { id = one.id }:select "user_id"):count())
      assert.equal(1, order:join("users", "users.id = orders.user_id and users.country_code = ?", "IS"):where { id = one.id }:count())
      assert.is_true(user:where_exists(order:where(rille.sql "orders.user_id = users.id")):exists())
      local unsold = mine():left_join("order_items", "order_items.product_id = products.id"):where(rille.sql "order_items.order_id is null")
      assert.equal(3, unsold:count())
    end)

    it("with windows, unions and common tables", function()
      t.create_list("product", 3)
      local ranked = mine():select("sku", rille.sql "rank() over (order by price_cents desc) as place"):order("-price_cents"):all()
      assert.equal(1, tonumber(ranked[1].place))
      local cheap, dear = mine():order("price_cents"):limit(1), mine():order("-price_cents"):limit(1)
      assert.equal(2, cheap:union(dear):count())
      assert.equal(3, product:with("fresh", mine():select "id"):where("id in (select id from fresh)"):count())
    end)

    it("a page at a time, in streams and in batches", function()
      t.create_list("product", 5)
      local seen, after = {}, nil
      repeat
        local page = mine():order("name"):page { after = after, limit = 2 }
        for _, row in ipairs(page.items) do seen[#seen + 1] = row.name end
        after = page.next
      until not after
      assert.equal(5, #seen)
      local streamed, batched = 0, 0
      for _ in mine():each() do streamed = streamed + 1 end
      for list in mine():in_batches(2) do batched = batched + #list end
      assert.same({ 5, 5 }, { streamed, batched })
    end)

    it("and tell the SQL and the plan", function()
      assert.matches('from "products" where "products"."stock" = %$1', tostring(product:where { stock = 1 }))
      assert.matches("Scan", product:where { stock = 1 }:explain())
    end)

    it("nothing by mistake", function()
      for _, wrong in ipairs {
        function() return product:where {} end, function() return product:where { stock = nil } end,
        function() return product:where { stock = rille.null } end, function() return product:where { id = { 1 } } end,
        function() return product:where("stock = ?", nil) end, function() return product:where { stok = 1 }:all() end,
        function() return product:order("id; drop table products"):all() end, function() return product:delete_all() end,
      } do
        assert.has_error(wrong)
      end
    end)
  end)

  describe("know their relations", function()
    it("and load them by themselves, in as many statements as there are relations", function()
      orders(6, 3)
      for _, count in ipairs { 2, 6 } do
        assert.queries(5, function()
          for _, one in ipairs(order:order("-id"):limit(count):all()) do
            assert.equal("IS", one.user.country_code)
            assert.same({ 3, 3 }, { #one.items, one.items_count })
            for _, item in ipairs(one.items) do assert.matches("^FEATURE", item.product.sku) end
          end
        end)
      end
    end)

    it("to one, to many, through others, to many from both sides, and to the table itself", function()
      local one = orders(1, 2)[1]
      local first, second = one.products[1], one.products[2]
      first.tags:add(t.create("tag", { name = "old" }))
      first.tags:add(t.create("tag", { name = "blue" }))
      assert.same({ { "blue", "old" }, 2, 0 }, { first.tags:pluck "name", first.tags_count, second.tags_count })
      first.tags:remove(tag:find_by("name", "old"))
      assert.same({ { "blue" }, { first.id } }, { column(product:find(first.id).tags, "name"), column(tag:find_by("name", "blue").products, "id") })
      assert.same({ one.id, 2 }, { first.orders[1].id, #one.user.lines })
      assert.is_nil(one.invoice)
      one:pay()
      assert.same({ one.id, one.id }, { one:reload().invoice.order.id, one.user.last_order.id })
      first:withdraw(second)
      assert.same({ second.id, first.id }, { first.successor.id, second.predecessor.id })
    end)

    it("of several models, from both sides, in a statement each", function()
      for _, one in ipairs(orders(3, 1)) do
        one:pay():ship()
        one.products[1]:withdraw()
      end
      assert.queries(3, function()
        for _, one in ipairs(event:preload("subject"):all()) do
          assert.equal(one.what == "withdrawn" and "product" or "order", one.subject_type)
          assert.equal(one.subject_id, one.subject.id)
        end
      end)
      assert.error_matches(function() return event:first().subject end, "strict") -- as its model says
      assert.same({ "paid", "shipped" }, column(order:first().events, "what"))
    end)

    it("under conditions, and so many for each", function()
      local buyers = t.create_list("user", 3)
      for _, buyer in ipairs(buyers) do
        for n = 1, 5 do t.create("order", { user = buyer, status = n > 3 and "cancelled" or "placed" }) end
      end
      assert.queries(4, function()
        for _, buyer in ipairs(user:where_in("id", column(buyers, "id")):all()) do
          assert.same({ 3, 3, 5 }, { #buyer.latest_orders, #buyer.open_orders, buyer.orders_count })
        end
      end)
    end)

    it("and wait for one statement where several tasks ask for the same, but never where nothing can wait", function()
      orders(2, 1)
      local two = order:order("-id"):limit(2):all()
      assert.queries(1, function()
        rille.all { function() return two[1].items end, function() return two[2].items end }
      end)
      assert.error_matches(function()
        table.sort(two, function(a, b) return a.user.id < b.user.id end)
      end, "orders.user is loaded, which waits")
    end)

    it("and preload them, counted and narrowed for each parent", function()
      orders(3, 3)
      local function first_two(items) return items:reorder("position"):limit(2) end
      local list = order:order("-id"):limit(3):preload({ user = "country" }, { items = first_two }):preload_count("items")
        :preload_sum("items", "quantity"):all()
      assert.queries(0, function()
        for _, one in ipairs(list) do
          assert.same({ 2, 3, 6 }, { #one.items, one.items_count, one.items_sum_quantity })
          assert.equal("Iceland", one.user.country.name)
        end
      end)
    end)

    it("and join those of one row", function()
      local one = orders(1, 1)[1]
      assert.queries(1, function()
        local found = order:joined("user"):where { id = one.id, ["user.country_code"] = "IS" }:one()
        assert.equal(one.user_id, found.user.id)
      end)
      assert.queries(1, function()
        assert.equal("Iceland", order_item:joined({ order = { user = "country" } }):where { order_id = one.id }:one().order.user.country.name)
      end)
    end)

    it("or raise where loading is forbidden", function()
      orders(1, 1)
      local one = order:strict():order("-id"):first()
      assert.error_matches(function() return one.user end, "user")
    end)

    it("and take new rows and questions", function()
      local one, thing = orders(1, 1)[1], t.create "product"
      one.items:create { position = 9001, product_id = thing.id, quantity = 7, unit_price_cents = 1 }
      assert.equal(2, one:query("items"):count())
      assert.equal(7, one:query("items"):max "quantity")
    end)
  end)

  describe("write", function()
    it("what is given, zero too, and no more", function()
      local thing = t.create("product", { description = "blue" })
      assert.queries(1, function() thing:update { stock = 0, description = rille.null } end)
      thing:reload()
      assert.same({ 0, true }, { thing.stock, thing.description == nil })
      thing.name = "Renamed"
      assert.same({ "name" }, names_of(thing:changed()))
      thing:update()
      assert.equal("Renamed", product:find(thing.id).name)
    end)

    it("with problems by field, and a conflict as 409", function()
      local thing = t.create "product"
      local row, problems = product:try_create(t.build("product", { sku = thing.sku }))
      assert.is_nil(row)
      assert.same({ "sku", "taken" }, { problems[1].path, problems[1].code })
      local ok, err = pcall(product.create, product, t.build("product", { sku = thing.sku }))
      assert.same({ false, 409 }, { ok, err.status })
    end)

    it("many at once, and what is there already", function()
      local list = {}
      for i = 1, 6000 do list[i] = t.build("product", { sku = ("FEATURE-MANY-%d"):format(i) }) end
      local ids
      assert.queries(2, function() ids = product:insert_many(list) end)
      assert.equal(6000, #ids)
      assert.equal("FEATURE-MANY-6000", product:find(ids[6000]).sku)
      local again = product:upsert(t.build("product", { sku = "FEATURE-MANY-1", stock = 3 }), { on = "sku" })
      assert.same({ false, ids[1], 3 }, { again.created, again.id, again.stock })
    end)

    it("all rows of a query, and numbers by steps", function()
      local thing = t.create("product", { stock = 1 })
      t.create_list("product", 2, { stock = 5 })
      assert.equal(2, mine():where { stock = 5 }:update_all { stock = rille.sql("stock - ?", 2) })
      thing:increment("stock", 4)
      assert.same({ 5, 11 }, { thing.stock, mine():sum "stock" })
      assert.equal(3, mine():delete_all())
    end)

    it("in transactions, with locks, or not at all", function()
      local thing = t.create("product", { stock = 1 })
      pcall(function()
        rille.db:transaction(function()
          product:lock("no key update"):find(thing.id):update { stock = 99 }
          error "no"
        end)
      end)
      assert.equal(1, product:find(thing.id).stock)
      assert.equal(2, rille.db:transaction(function()
        thing:update { stock = 2 }
        return (rille.spawn(function() return product:find(thing.id).stock end):await()) -- a task inside is in it as well
      end))
      thing:delete { for_good = true }
      assert.is_nil(product:with_deleted():find(thing.id))
    end)

    it("keys of several columns", function()
      local one = orders(1, 1)[1]
      local item = one.items[1]
      assert.equal(item.product_id, order_item:find { order_id = one.id, position = item.position }.product_id)
      item:update { quantity = 5 }
      assert.equal(5, order_item:where { order_id = one.id, position = item.position }:one().quantity)
    end)
  end)

  it("keep each route to its number of statements, whatever it lists", function()
    local one = orders(1, 3)[1]
    local client = t:client()
    for path, count in pairs {
      ["/api/v1/orders/" .. one.id] = 4, ["/api/v1/users/" .. one.user_id .. "/orders"] = 5, ["/api/v1/tags"] = 2,
      ["/api/v1/products/" .. one.products[1].id] = 2,
    } do
      assert.queries(count, function() assert.equal(200, client:get(path).status) end)
    end
  end)

  it("are found or answered 404, by keys that are texts as well", function()
    assert.equal("Iceland", country:get("IS").name)
    local ok, err = pcall(country.get, country, "XX")
    assert.same({ false, 404, "there is no such country" }, { ok, err.status, err.message })
  end)
end)
