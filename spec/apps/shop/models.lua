--- What models can do, on the shop's own tables. Run by spec/apps/shop_models_spec.lua, with a database that
-- holds the reference data; each example's work is rolled back.
local rille = require "rille"
local t = rille.test "apps/shop"
local country, order, order_item = t.require "models.country", t.require "models.order", t.require "models.order_item"
local product, user = t.require "models.product", t.require "models.user"

t.factory("product", {
  sku = function(n) return ("FEATURE-%d"):format(n) end, name = function(n) return "Thing " .. n end,
  price_cents = function(n) return n * 100 end, currency_code = "EUR", stock = 10,
}, { traits = { sold_out = { stock = 0 } } })
t.factory("user", {
  email = function(n) return ("u%d@example.com"):format(n) end, name = function(n) return "User " .. n end, country_code = "IS",
})
t.factory("order", { total_cents = 0, currency_code = "EUR" })
t.factory("item", {
  position = function(n) return n end, quantity = 2, unit_price_cents = 100,
}, { model = "models.order_item" })

-- So many orders of so many items, each order another user's.
local function orders(count, items)
  local made = {}
  for i = 1, count do
    made[i] = t.create("order", { user = t.create "user" })
    for _ = 1, items do t.create("item", { order_id = made[i].id, product_id = t.create("product").id }) end
  end
  return made
end

describe("the shop's models", function()
  local function mine() return product:where("sku like ?", "FEATURE-%") end

  describe("ask", function()
    it("by conditions, in an order, so many, and some columns", function()
      t.create_list("product", 5)
      t.create("product", "sold_out", { name = "Gone" })
      assert.equal(6, mine():count())
      assert.equal("Gone", mine():where { stock = 0 }:one().name)
      assert.equal(2, product:where { name = "Gone" }:or_where { sku = mine():first().sku }:count())
      assert.equal(5, mine():not_ { stock = 0 }:count())
      local two = mine():order("-price_cents"):limit(2):offset(1):pluck "price_cents"
      assert.is_true(#two == 2 and two[1] > two[2])
      assert.same({ "name" }, (function()
        local names = {}
        for name in pairs(mine():select("name"):first():values()) do names[#names + 1] = name end
        return names
      end)())
    end)

    it("for sums and groups", function()
      t.create("product", { price_cents = 100, stock = 1 })
      t.create("product", { price_cents = 300, stock = 2, currency_code = "USD" })
      t.create("product", { price_cents = 500, stock = 3, currency_code = "USD" })
      assert.same({ 900, 100, 500 }, { mine():sum "price_cents", mine():min "price_cents", mine():max "price_cents" })
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
        assert.queries(4, function()
          for _, one in ipairs(order:order("-id"):limit(count):all()) do
            assert.equal("IS", one.user.country_code)
            assert.equal(3, #one.items)
            for _, item in ipairs(one.items) do assert.matches("^FEATURE", item.product.sku) end
          end
        end)
      end
    end)

    it("and preload them, counted and narrowed for each parent", function()
      orders(3, 3)
      local function first_two(items) return items:reorder("position"):limit(2) end
      local list = order:order("-id"):limit(3):preload("user", { items = first_two }):preload_count("items"):all()
      assert.queries(0, function()
        for _, one in ipairs(list) do
          assert.same({ 2, 3 }, { #one.items, one.items_count })
          assert.is_string(one.user.email)
        end
      end)
    end)

    it("and join those of one row", function()
      local one = orders(1, 1)[1]
      assert.queries(1, function()
        local found = order:joined("user"):where { id = one.id, ["user.country_code"] = "IS" }:one()
        assert.equal(one.user_id, found.user.id)
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
      assert.same({ "name" }, (function() local names = {} for name in pairs(thing:changed()) do names[#names + 1] = name end return names end)())
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
      thing:delete()
      assert.is_nil(product:find(thing.id))
    end)

    it("keys of several columns", function()
      local one = orders(1, 1)[1]
      local item = one.items[1]
      assert.equal(item.product_id, order_item:find { order_id = one.id, position = item.position }.product_id)
      item:update { quantity = 5 }
      assert.equal(5, order_item:where { order_id = one.id, position = item.position }:one().quantity)
    end)
  end)

  it("are found or answered 404, by keys that are texts as well", function()
    assert.equal("Iceland", country:get("IS").name)
    local ok, err = pcall(country.get, country, "XX")
    assert.same({ false, 404, "there is no such country" }, { ok, err.status, err.message })
  end)
end)
