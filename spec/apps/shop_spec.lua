local client = require "spec.apps.client"
local database = require "spec.apps.database"
local rille = require "rille"
local server = require "spec.server"
local wire = require "spec.wire"

describe("apps/shop", function()
  local base, running, api

  setup(function()
    base = database.new()
    base:migrate()
    base:seed("apps/shop")
    running = server.start{ app = "apps/shop", env = { DATABASE_URL = base.url } }
    api = client.new(running.port)
  end)

  teardown(function()
    if running then running:stop() end
    if base then base:drop() end
  end)

  local sku_count = 0

  -- A product of its own for an example; returns its id.
  local function new_product(stock, currency)
    sku_count = sku_count + 1
    return tonumber(base:sql(([[
      insert into products (sku, name, price_cents, stock, currency_code)
      values ('SPEC-%d', 'Thing %d', 1250, %d, '%s') returning id]]):format(
      sku_count, sku_count, stock, currency or "EUR")))
  end

  local function stock_of(id)
    return tonumber(base:sql("select stock from products where id = " .. id))
  end

  local function order_of(product_id, quantity, user_id)
    return { user_id = user_id or 1, items = { { product_id = product_id, quantity = quantity } } }
  end

  -- The problems of an answer as sorted lines "in path code".
  local function problems(answer)
    local lines = {}
    for i, problem in ipairs(answer.json.error.details) do
      assert.equal("string", type(problem.message))
      lines[i] = table.concat({ problem["in"], problem.path, problem.code }, " ")
    end
    table.sort(lines)
    return lines
  end

  local function count_statuses(answers)
    local counts = {}
    for _, answer in ipairs(answers) do
      counts[answer.status] = (counts[answer.status] or 0) + 1
    end
    return counts
  end

  describe("seed", function()
    it("loads all of ISO 3166 and ISO 4217", function()
      assert.equal("249", base:sql("select count(*) from countries"))
      assert.equal("181", base:sql("select count(*) from currencies"))
      assert.equal("Côte d'Ivoire|Republic of Côte d'Ivoire|CIV|384",
        base:sql("select name, official_name, alpha3, numeric_code from countries where code = 'CI'"))
    end)

    it("changes nothing when it runs again", function()
      local sums = [[select count(*), sum(stock) from products
        union all select count(*), sum(id) from users
        union all select count(*), sum(total_cents) from orders
        union all select count(*), sum(quantity) from order_items]]
      local before = base:sql(sums)
      base:seed("apps/shop")
      assert.equal(before, base:sql(sums))
    end)
  end)

  describe("countries and currencies", function()
    it("are listed in full", function()
      assert.equal(249, #api:get("/api/v1/countries").json.items)
      assert.equal(181, #api:get("/api/v1/currencies").json.items)
    end)

    it("are found by code in either case, null where ISO has nothing", function()
      local answer = api:get("/api/v1/countries/pt")
      assert.equal(200, answer.status)
      assert.equal("Portugal", answer.json.name)
      assert.equal("🇵🇹", answer.json.flag)
      assert.truthy(api:get("/api/v1/countries/AQ").body:find('"official_name":null', 1, true))
    end)

    it("are 404 when there is none, 400 with a NUL in the path", function()
      assert.equal(404, api:get("/api/v1/countries/XX").status)
      assert.equal(400, api:get("/api/v1/countries/P%00").status)
    end)
  end)

  describe("products", function()
    it("come a page at a time, each exactly once", function()
      local seen, last, pages, after = {}, 0, 0, 0
      repeat
        local answer = api:get("/api/v1/products?limit=7&after=" .. after)
        assert.equal(200, answer.status)
        for _, product in ipairs(answer.json.items) do
          assert.is_true(product.id > last, "out of order")
          last = product.id
          seen[#seen + 1] = product.id
        end
        pages = pages + 1
        after = answer.json.next
      until after == rille.null
      assert.equal(tonumber(base:sql("select count(*) from products where deleted_at is null")), #seen)
      assert.equal(math.ceil(#seen / 7), pages)
    end)

    it("end with a null, also when the last page is full", function()
      local count = tonumber(base:sql("select count(*) from products where deleted_at is null"))
      local last_but_two = base:sql("select id from products where deleted_at is null order by id desc offset 2 limit 1")
      local answer = api:get("/api/v1/products?limit=2&after=" .. last_but_two)
      assert.equal(2, #answer.json.items)
      assert.truthy(answer.body:find('"next":null', 1, true))
      assert.equal(math.min(20, count), #api:get("/api/v1/products").json.items)
      assert.truthy(api:get("/api/v1/products?after=9007199254740990").body:find('"items":[]', 1, true))
    end)

    it("name everything that is wrong with a page", function()
      local answer = api:get("/api/v1/products?limit=0&after=x")
      assert.equal(422, answer.status)
      assert.same({ "query after type", "query limit range" }, problems(answer))
      assert.equal(422, api:get("/api/v1/products?limit=101").status)
      assert.equal(422, api:get("/api/v1/products?after=%00").status)
      assert.equal(422, api:get("/api/v1/products?after=99999999999999999999").status)
    end)

    it("are told by id, with times in UTC and money in cents", function()
      local id = new_product(3)
      local product = api:get("/api/v1/products/" .. id).json
      assert.equal(1250, product.price_cents)
      assert.equal("EUR", product.currency_code)
      assert.equal(3, product.stock)
      assert.truthy(product.created_at:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$"))
    end)

    it("are 404 for whatever is no product's id", function()
      for _, id in ipairs{ "999999", "0", "-1", "abc", "1.5", "0x1", "1e3", "99999999999999999999", "%20" } do
        local answer = api:get("/api/v1/products/" .. id)
        assert.equal(404, answer.status, id)
        assert.equal("not_found", answer.json.error.code)
      end
    end)
  end)

  describe("tags", function()
    it("tell how many products they have, and which", function()
      local tags = api:get("/api/v1/tags").json.items
      assert.equal(tonumber(base:sql("select count(*) from tags")), #tags)
      local brass = api:get("/api/v1/tags/brass/products?limit=100").json.items
      assert.truthy(#brass > 0)
      for _, tag in ipairs(tags) do
        if tag.name == "brass" then assert.equal(#brass, tag.products_count) end
      end
      local names = {}
      for i, tag in ipairs(api:get("/api/v1/products/" .. brass[1].id).json.tags) do names[i] = tag.name end
      assert.truthy(("," .. table.concat(names, ",") .. ","):find(",brass,", 1, true))
      assert.equal(404, api:get("/api/v1/tags/none/products").status)
    end)
  end)

  describe("users", function()
    it("are created, and found where the answer says", function()
      local user = { email = "New@example.com", name = "Zoë 新", country_code = "JP" }
      local answer = api:post("/api/v1/users", user)
      assert.equal(201, answer.status)
      assert.equal("Zoë 新", answer.json.name)
      local found = api:get(answer.headers.location)
      assert.equal(200, found.status)
      assert.same(answer.json, found.json)
    end)

    it("have one address each, whatever its case", function()
      local user = { email = "twice@example.com", name = "One", country_code = "DE" }
      assert.equal(201, api:post("/api/v1/users", user).status)
      user.email = "TWICE@example.com"
      local answer = api:post("/api/v1/users", user)
      assert.equal(409, answer.status)
      assert.equal("email_taken", answer.json.error.code)
      assert.same({ "body email taken" }, problems(answer))
    end)

    it("win a race for an address exactly once", function()
      local bodies = {}
      for i = 1, 20 do
        bodies[i] = { email = "race@example.com", name = "Racer " .. i, country_code = "DE" }
      end
      assert.same({ [201] = 1, [409] = 19 }, count_statuses(api:post_all("/api/v1/users", bodies)))
    end)

    it("hear of every problem at once", function()
      local answer = api:post("/api/v1/users", {})
      assert.equal(422, answer.status)
      assert.equal("invalid", answer.json.error.code)
      assert.same({ "body country_code required", "body email required", "body name required" },
        problems(answer))

      answer = api:post("/api/v1/users", {
        email = "nobody", name = ("x"):rep(121), country_code = "XX", admin = true, created_at = "now",
      })
      assert.equal(422, answer.status)
      assert.same({
        "body admin unknown", "body country_code unknown", "body created_at unknown",
        "body email format", "body name length",
      }, problems(answer))

      assert.same({ "body country_code type", "body email required", "body name required" },
        problems(api:post("/api/v1/users", '{"email":null,"name":" \\t","country_code":49}')))
    end)

    it("may not hold what the database's text cannot: U+0000", function()
      local answer = api:post("/api/v1/users",
        '{"email":"a\\u0000@example.com","name":"a\\u0000b","country_code":"D\\u0000"}')
      assert.equal(422, answer.status)
      assert.same({ "body country_code nul", "body email nul", "body name nul" }, problems(answer))
      assert.same({ "body x\0y unknown" }, problems(api:post("/api/v1/users",
        '{"email":"nul@example.com","name":"n","country_code":"DE","x\\u0000y":1}')))
    end)

    it("count characters, not bytes", function()
      local user = { email = "long@example.com", name = ("新"):rep(120), country_code = "JP" }
      assert.equal(201, api:post("/api/v1/users", user).status)
    end)

    it("take JSON objects and nothing else", function()
      for _, body in ipairs{ "", "{", '{"email":}', "{'a':1}", '{"a":1}x', "\xff" } do
        assert.equal(400, api:post("/api/v1/users", body).status, body)
      end
      for _, body in ipairs{ "[]", '["a"]', "null", '"text"', "12", "true" } do
        assert.equal(422, api:post("/api/v1/users", body).status, body)
      end
      local conn = wire.connect(running.port)
      conn:send(wire.post("/api/v1/users", "email=a", "Content-Type: application/x-www-form-urlencoded"))
      assert.equal(415, assert(conn:answer()).status)
      conn:close()
    end)
  end)

  describe("orders", function()
    it("keep the price of their moment", function()
      local id = new_product(5)
      local answer = api:post("/api/v1/orders", order_of(id, 2))
      assert.equal(201, answer.status)
      assert.equal(2500, answer.json.total_cents)
      assert.equal("placed", answer.json.status)
      assert.truthy(answer.body:find('"shipped_at":null', 1, true))
      assert.equal(3, stock_of(id))

      base:sql("update products set price_cents = 1 where id = " .. id)
      local found = api:get(answer.headers.location)
      assert.same(answer.json, found.json)
      assert.equal(1250, found.json.items[1].unit_price_cents)
    end)

    it("never sell more than there is, to 50 buyers at once", function()
      local id, bodies = new_product(10), {}
      for i = 1, 50 do
        bodies[i] = order_of(id, 1, 1 + i % 40)
      end
      local answers = api:post_all("/api/v1/orders", bodies)
      assert.same({ [201] = 10, [409] = 40 }, count_statuses(answers))
      assert.equal(0, stock_of(id))
      assert.equal("10|10", base:sql(
        "select count(*), sum(quantity) from order_items where product_id = " .. id))
      for _, answer in ipairs(answers) do
        local details = answer.status == 409 and answer.json.error.details
        if details then
          assert.equal("out_of_stock", answer.json.error.code)
          assert.equal(id, details[1].product_id)
          assert.equal("Thing " .. sku_count, details[1].product)
        end
      end
    end)

    it("do not wait for each other for ever", function()
      local a, b, bodies = new_product(100), new_product(100), {}
      for i = 1, 24 do
        local first, second = i % 2 == 0 and a or b, i % 2 == 0 and b or a
        bodies[i] = { user_id = 1, items = {
          { product_id = first, quantity = 1 }, { product_id = second, quantity = 1 } } }
      end
      assert.same({ [201] = 24 }, count_statuses(api:post_all("/api/v1/orders", bodies)))
      assert.equal(76, stock_of(a))
      assert.equal(76, stock_of(b))
    end)

    it("are placed whole or not at all", function()
      local plenty, few, none = new_product(9), new_product(1), new_product(0)
      local orders = base:sql("select count(*) from orders")
      local answer = api:post("/api/v1/orders", { user_id = 1, items = {
        { product_id = plenty, quantity = 9 },
        { product_id = few, quantity = 2 },
        { product_id = none, quantity = 1 } } })
      assert.equal(409, answer.status)
      assert.same({ "body items[1].quantity out_of_stock", "body items[2].quantity out_of_stock" },
        problems(answer))
      assert.equal(9, stock_of(plenty))
      assert.equal(orders, base:sql("select count(*) from orders"))
    end)

    it("hear of every problem at once", function()
      assert.same({ "body items required", "body user_id required" },
        problems(api:post("/api/v1/orders", {})))

      local id = new_product(5)
      local answer = api:post("/api/v1/orders", ([[{ "user_id": "1", "note": "x", "items": [
        { "product_id": %d, "quantity": 0 }, { "product_id": %d, "quantity": 1.5 }, 7,
        { "quantity": 1, "price_cents": 1 } ] }]]):format(id, id))
      assert.equal(422, answer.status)
      assert.same({
        "body items[0].quantity range",
        "body items[1].product_id duplicate", "body items[1].quantity type",
        "body items[2] type",
        "body items[3].price_cents unknown", "body items[3].product_id required",
        "body note unknown", "body user_id type",
      }, problems(answer))

      for _, items in ipairs{ "[]", "{}", '"x"', "{\"a\":1}" } do
        assert.same({ "body items type" },
          problems(api:post("/api/v1/orders", '{"user_id":1,"items":' .. items .. "}")))
      end
    end)

    it("name the user, products and currencies that do not fit", function()
      local euro, dollar = new_product(5), new_product(5, "USD")
      local answer = api:post("/api/v1/orders", { user_id = 999999, items = {
        { product_id = euro, quantity = 1 },
        { product_id = 888888, quantity = 1 },
        { product_id = dollar, quantity = 1 } } })
      assert.equal(422, answer.status)
      assert.same({ "body items[1].product_id unknown", "body items[2].product_id currency",
        "body user_id unknown" }, problems(answer))
      assert.equal(5, stock_of(euro))
    end)

    it("of a user come newest first, with their items, a page at a time", function()
      local buyer = { email = "buyer@example.com", name = "B", country_code = "DE" }
      local user = api:post("/api/v1/users", buyer).json.id
      local path = ("/api/v1/users/%d/orders"):format(user)
      assert.truthy(api:get(path).body:find('"items":[]', 1, true))

      local a, b, placed = new_product(50), new_product(50), {}
      for i = 1, 5 do
        placed[6 - i] = api:post("/api/v1/orders", { user_id = user, items = {
          { product_id = b, quantity = i }, { product_id = a, quantity = 1 } } }).json
      end
      assert.same(placed, api:get(path).json.items)

      local first = api:get(path .. "?limit=3").json
      assert.same({ placed[1], placed[2], placed[3] }, first.items)
      local second = api:get(path .. "?limit=3&after=" .. first.next)
      assert.same({ placed[4], placed[5] }, second.json.items)
      assert.truthy(second.body:find('"next":null', 1, true))
    end)

    it("take no more statements when they are many", function()
      base:sql([[
        with o as (insert into orders (user_id, total_cents, currency_code)
          select 2, 100, 'EUR' from generate_series(1, 60) returning id)
        insert into order_items (order_id, position, product_id, quantity, unit_price_cents)
        select o.id, n, n, 1, 100 from o, generate_series(1, 3) n]])
      base:log_statements()
      local fresh = server.start{ app = "apps/shop", args = { "--workers", "1" }, env = { DATABASE_URL = base.url } }
      finally(function() fresh:stop() end)
      client.new(fresh.port):get("/api/v1/products/1") -- the first use of a model reads the catalogue

      local function statements(limit)
        return base:statements(function()
          local answer = client.new(fresh.port):get("/api/v1/users/2/orders?limit=" .. limit)
          assert.equal(limit, #answer.json.items)
          assert.equal(3, #answer.json.items[1].items)
        end)
      end
      assert.equal(5, statements(1)) -- the user, the orders, their invoices, their items, what those are of
      assert.equal(5, statements(60))
    end)

    it("are cancelled once, and what they held can be sold again", function()
      local id = new_product(5)
      local placed = api:post("/api/v1/orders", order_of(id, 2)).json
      local path, bodies = ("/api/v1/orders/%d"):format(placed.id), {}
      for i = 1, 8 do bodies[i] = {} end
      assert.same({ [200] = 1, [409] = 7 }, count_statuses(api:post_all(path .. "/cancel", bodies)))
      assert.equal(5, stock_of(id))
      assert.equal("cancelled", api:get(path).json.status)
      assert.equal(rille.null, api:get(path).json.invoice_id)
      local events = api:get(path .. "/events").json.items
      assert.same({ 1, "cancelled", nil }, { #events, events[1].what, events[1].subject_id })
    end)

    it("name what is withdrawn since, which nobody can order any more", function()
      local id = new_product(5)
      local placed = api:post("/api/v1/orders", order_of(id, 1)).json
      base:sql("update products set deleted_at = now() where id = " .. id)
      assert.same(placed, api:get("/api/v1/orders/" .. placed.id).json)
      assert.same({ "body items[0].product_id unknown" }, problems(api:post("/api/v1/orders", order_of(id, 1))))
      assert.equal(404, api:get("/api/v1/products/" .. id).status)
      assert.equal(200, api:post(("/api/v1/orders/%d/cancel"):format(placed.id), {}).status)
      assert.equal(5, stock_of(id))
    end)

    it("of nobody are 404", function()
      assert.equal(404, api:get("/api/v1/users/999999/orders").status)
      assert.equal(404, api:get("/api/v1/users/x/orders").status)
      assert.equal(404, api:get("/api/v1/orders/999999").status)
    end)
  end)

  describe("health", function()
    it("is alive and ready", function()
      assert.equal(200, api:get("/livez").status)
      assert.equal(200, api:get("/readyz").status)
    end)

    it("is alive but not ready while the database is away, and recovers", function()
      base:stop()
      local answer = api:get("/readyz")
      base:start()
      assert.equal(503, answer.status)
      assert.equal("not_ready", answer.json.error.code)
      assert.equal(200, api:get("/livez").status)
      assert.equal(200, api:get("/readyz").status)
    end)
  end)
end)
