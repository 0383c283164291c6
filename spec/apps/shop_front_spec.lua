-- The shop's pages as HTTP: what they hold, refuse and keep. In a real browser: shop_browser_spec.lua.
local database = require "spec.apps.database"
local server = require "spec.server"
local visitor = require "spec.browser.visitor"
local wire = require "spec.wire"

describe("apps/shop for people", function()
  local base, running

  setup(function()
    base = database.new()
    base:migrate()
    base:seed("apps/shop")
    running = server.start{ app = "apps/shop", env = { DATABASE_URL = base.url } }
  end)

  teardown(function()
    if running then running:stop() end
    if base then base:drop() end
  end)

  local someone
  before_each(function() someone = visitor.new(running.port) end)

  local sku_count = 0

  local function new_product(fields)
    sku_count = sku_count + 1
    return base:sql(([[
      insert into products (sku, name, description, price_cents, stock, currency_code)
      values ('FRONT-%d', '%s', %s, %d, %d, '%s') returning id]]):format(sku_count, fields.name or "Thing",
      fields.description and "'" .. fields.description .. "'" or "null", fields.cents or 1250, fields.stock or 9,
      fields.currency or "EUR"))
  end

  local function stock_of(id)
    return tonumber(base:sql("select stock from products where id = " .. id))
  end

  -- A cart with some of one product, by way of its page.
  local function with_cart(fields, quantity)
    local id = new_product(fields)
    local page = someone:submit(someone:get("/products/" .. id), { quantity = tostring(quantity or 1) })
    assert.equal("/cart", page.path)
    return id, page
  end

  local BUYER = { name = "Ada", email = "ada.front@example.com", country_code = "PT" }

  local function form_text(fields)
    local parts = {}
    for name, value in pairs(fields) do
      parts[#parts + 1] = name .. "=" .. value:gsub("@", "%%40")
    end
    return table.concat(parts, "&")
  end

  local function shows(page, text)
    assert.truthy(page.body:find(text, 1, true), text .. " is not in\n" .. page.body)
  end

  local function hides(page, text)
    assert.falsy(page.body:find(text, 1, true), text .. " is in\n" .. page.body)
  end

  describe("the list", function()
    local function skim(page)
      local ids = {}
      for id in page.body:gmatch('<h2><a href="/products/(%d+)">') do
        ids[#ids + 1] = tonumber(id)
      end
      return ids
    end

    local function link(page, rel)
      local href = page.body:match('rel="' .. rel .. '" href="([^"]*)"')
      return href
    end

    it("goes through all products and back, each exactly once", function()
      local forth, back = {}, {}
      local page = someone:get("/")
      assert.is_nil(link(page, "prev"))
      while true do
        for _, id in ipairs(skim(page)) do forth[#forth + 1] = id end
        if not link(page, "next") then break end
        page = someone:get(link(page, "next"))
      end
      while true do
        local ids = skim(page)
        for i = #ids, 1, -1 do table.insert(back, 1, ids[i]) end
        if not link(page, "prev") then break end
        page = someone:get(link(page, "prev"))
      end
      assert.equal(tonumber(base:sql("select count(*) from products where deleted_at is null")), #forth)
      assert.same(forth, back)
      assert.equal(forth[1], skim(page)[1])
    end)

    it("says so where there is nothing, and what is no place in it", function()
      shows(someone:get("/?after=9007199254740990"), "There is nothing here")
      shows(someone:get("/?before=1"), "There is nothing here")
      assert.equal(200, someone:get("/?utm_source=mail").status)
      for _, query in ipairs{ "after=x", "after=-1", "before=1.5", "after=99999999999999999999", "after=%00" } do
        local page = someone:get("/?" .. query)
        assert.equal(422, page.status, query)
        shows(page, "That does not fit")
      end
    end)
  end)

  describe("a product's page", function()
    it("names its tags, and leads to what is sold instead", function()
      local old, new = new_product{ name = "Old lamp" }, new_product{ name = "New lamp" }
      base:sql(("insert into product_tags select %s, id from tags where name in ('lamp', 'brass')"):format(new))
      shows(someone:get("/products/" .. new), "<dt>Tags</dt><dd>brass, lamp</dd>")
      base:sql("update products set deleted_at = now() where id = " .. old)
      local page = someone:get("/products/" .. old)
      assert.equal(410, page.status)
      shows(page, "This product is no longer sold.")
      base:sql(("update products set successor_id = %s where id = %s"):format(new, old))
      shows(someone:get("/products/" .. old), "<h1>New lamp</h1>")
    end)

    it("shows what there is, as text", function()
      local id = new_product{ name = "<b>Lamp</b> & \"co\"", description = "<script>alert(1)</script>", cents = 123456789, stock = 3 }
      local page = someone:get("/products/" .. id)
      assert.equal("text/html; charset=utf-8", page.headers["content-type"])
      shows(page, "<h1>&lt;b&gt;Lamp&lt;/b&gt; &amp; ")
      hides(page, "<script>")
      shows(page, "EUR\194\1601,234,567.89")
      shows(page, "Only 3 left")
    end)

    it("sells nothing that is sold out", function()
      local page = someone:get("/products/" .. new_product{ stock = 0 })
      shows(page, "Sold out")
      hides(page, "<form")
    end)

    it("says beside the field what is wrong with the quantity, and keeps it", function()
      local path = "/products/" .. new_product{ stock = 4 }
      local wrong = {
        ["0"] = "must be at least 1", ["-1"] = "must be at least 1", ["5"] = "must be at most 4", ["1.5"] = "must be an integer",
        ["x\"<"] = "must be an integer", [""] = "is required", ["  "] = "is required", ["9999"] = "must be at most 1000",
      }
      for quantity, message in pairs(wrong) do
        local page = someone:submit(someone:get(path), { quantity = quantity })
        assert.equal(422, page.status, quantity)
        assert.same({ "Quantity " .. message }, visitor.problems(page))
        assert.equal(quantity:match("^%s*$") and "" or quantity, visitor.value(page, "quantity"))
        shows(page, 'aria-invalid="true" aria-describedby="quantity-problem" autofocus')
        assert.is_nil(someone.cookies.cart)
      end
    end)

    it("counts what is in the cart already", function()
      local id = with_cart({ stock = 4 }, 3)
      local page = someone:submit(someone:get("/products/" .. id), { quantity = "2" })
      assert.equal(422, page.status)
      assert.same({ "Quantity is too much: 3 are in your cart, and there are 4 in all" }, visitor.problems(page))
      assert.equal(id .. "x4", (someone:submit(page, { quantity = "1" }) and someone.cookies.cart))
    end)

    it("is 404 where there is none, as a page or as JSON for who wants that", function()
      for _, path in ipairs{ "/products/999999", "/products/x", "/nothing", "/orders/999999", "/orders/x" } do
        local page = someone:get(path)
        assert.equal(404, page.status, path)
        assert.equal("text/html; charset=utf-8", page.headers["content-type"])
        shows(page, "Back to the products")
      end
      assert.equal("application/json", someone:get("/api/v1/products/x").headers["content-type"])
    end)
  end)

  describe("the cart", function()
    it("adds up, changes and empties", function()
      local a = with_cart({ cents = 999 }, 2)
      local b, page = with_cart({ cents = 1 }, 1)
      shows(page, "EUR\194\16019.99")
      page = someone:submit(page, { quantity = "3", action = "set" }, 2)
      shows(page, "EUR\194\16020.01")
      assert.equal(a .. "x2." .. b .. "x3", someone.cookies.cart)
      page = someone:submit(page, { quantity = "nonsense", action = "remove" }, 1)
      assert.equal(b .. "x3", someone.cookies.cart)
      page = someone:submit(page, { action = "remove" })
      shows(page, "It is empty")
      assert.is_nil(someone.cookies.cart)
    end)

    it("says what is wrong in the line it is wrong in", function()
      with_cart{}
      local _, page = with_cart{ stock = 5 }
      page = someone:submit(page, { quantity = "6", action = "set" }, 2)
      assert.equal(422, page.status)
      assert.same({ "Quantity must be at most 5" }, visitor.problems(page))
      assert.equal("1", visitor.value(page, "quantity", 1))
      assert.equal("6", visitor.value(page, "quantity", 2))
    end)

    it("takes nothing from its cookie on trust", function()
      local id = new_product{ cents = 100 }
      for _, cookie in ipairs{ "", "x", "1x0", "0", "999999x1", "1x1001", "1x" .. ("9"):rep(400), ("9"):rep(3000), "%00", "1x-1" } do
        someone.cookies.cart = cookie
        local page = someone:get("/cart")
        assert.equal(200, page.status, cookie)
        shows(page, "It is empty")
      end
      someone.cookies.cart = ("junk.%sx2.%sx900"):format(id, id)
      shows(someone:get("/cart"), "EUR\194\1602.00")
    end)

    it("holds no more lines than its cookie can", function()
      local texts = {}
      for i = 1, 50 do texts[i] = i .. "x1" end
      someone.cookies.cart = table.concat(texts, ".")
      local page = someone:submit(someone:get("/products/" .. new_product{}))
      assert.same({ "Quantity cannot be added: a cart holds 50 different products" }, visitor.problems(page))
      assert.equal("/cart", someone:submit(someone:get("/products/50")).path)
    end)

    it("has a cookie that scripts and other sites do not get, and is kept from caches", function()
      local answer = someone:post("/products/" .. new_product{}, { quantity = "1" })
      assert.equal(303, answer.status)
      local cookie = answer.headers["set-cookie"]
      assert.truthy(cookie:find("; HttpOnly; SameSite=Lax", 1, true))
      assert.equal("private, no-cache", someone:get("/").headers["cache-control"])
    end)
  end)

  describe("the checkout", function()
    it("places the order, tells the stock and empties the cart", function()
      local id = with_cart({ cents = 1500, stock = 8 }, 3)
      local page = someone:submit(someone:get("/checkout"), BUYER)
      assert.equal(200, page.status)
      assert.truthy(page.path:find("^/orders/%d+$"))
      shows(page, "Thank you")
      shows(page, "EUR\194\16045.00")
      hides(page, "Ada")
      assert.equal(5, stock_of(id))
      assert.is_nil(someone.cookies.cart)
      assert.equal("Ada|PT", base:sql([[
        select u.name, u.country_code from orders o join users u on u.id = o.user_id where o.id = ]]
        .. page.path:match("%d+")))
    end)

    it("shows all mistakes at once, with what was typed", function()
      with_cart{}
      local page = someone:submit(someone:get("/checkout"), { name = " ", email = "<ada>", country_code = "XX" })
      assert.equal(422, page.status)
      assert.same({ "Name is required", "Email must be an email address", "Country must be one of the list" },
        visitor.problems(page))
      assert.equal("<ada>", visitor.value(page, "email"))
      shows(page, 'role="alert"')
      local _, focused = page.body:gsub("autofocus", "")
      assert.equal(1, focused)

      page = someone:submit(page, { name = ("新"):rep(121), email = "ada@example.com", country_code = "JP" })
      assert.same({ "Name must be at most 120 characters" }, visitor.problems(page))
      assert.equal("JP", visitor.value(page, "country_code"))
      page = someone:submit(page, { name = "a\0b", email = "\255@example.com" })
      assert.equal(422, page.status)
      assert.equal(2, #visitor.problems(page))
    end)

    it("knows buyers by their address, and lets nobody rename them", function()
      local users = base:sql("select count(*) from users")
      for i, name in ipairs{ "First", "Second" } do
        with_cart{}
        local email = i == 1 and "Same@example.com" or "same@EXAMPLE.com"
        assert.equal(200, someone:submit(someone:get("/checkout"), { name = name, email = email, country_code = "DE" }).status)
      end
      assert.equal(tonumber(users) + 1, tonumber(base:sql("select count(*) from users")))
      assert.equal("First|2", base:sql([[
        select u.name, count(*) from users u join orders o on o.user_id = u.id
        where u.email = 'Same@example.com' group by u.name]]))
    end)

    it("says who was faster, keeps the form, and leaves nothing behind", function()
      local id = with_cart({ name = "Rare Thing", stock = 2 }, 2)
      local form = someone:get("/checkout")
      base:sql("update products set stock = 1 where id = " .. id)
      local page = someone:submit(form, { name = "Late", email = "late@example.com", country_code = "DE" })
      assert.equal(409, page.status)
      shows(page, "2 of Rare Thing wanted, 1 left")
      assert.equal("Late", visitor.value(page, "name"))
      assert.equal("0", base:sql("select count(*) from users where email = 'late@example.com'"))
      assert.equal(1, stock_of(id))
      assert.equal(id .. "x2", someone.cookies.cart)
    end)

    it("makes one order of a form that is sent twice, one after the other or at once", function()
      local id = with_cart({ stock = 5 }, 3) -- not enough for two
      local form, full = someone:get("/checkout"), someone.cookies.cart
      local first = someone:submit(form, BUYER)
      local again = someone:submit(form, BUYER) -- its cart is empty now
      someone.cookies.cart = full
      local reloaded = someone:submit(form, BUYER)
      assert.same({ 200, first.path, first.path }, { first.status, again.path, reloaded.path })
      assert.is_nil(someone.cookies.cart)
      assert.equal(2, stock_of(id))

      id = with_cart({ stock = 100 }, 3)
      local fields = { form_key = visitor.value(someone:get("/checkout"), "form_key") }
      for name, value in pairs(BUYER) do fields[name] = value end
      local conns, seen = {}, {}
      for i = 1, 8 do
        conns[i] = wire.connect(running.port)
        conns[i]:send(wire.post("/checkout", form_text(fields), "Content-Type: application/x-www-form-urlencoded",
          "Cookie: cart=" .. someone.cookies.cart))
      end
      for i = 1, 8 do
        local answer = assert(conns[i]:answer())
        assert.equal(303, answer.status)
        seen[answer.headers.location] = true
        conns[i]:close()
      end
      local path = next(seen)
      assert.is_nil(next(seen, path))
      assert.equal(97, stock_of(id))
    end)

    it("leads to the cart when it is empty or in two currencies", function()
      assert.equal("/cart", someone:get("/checkout").path)
      local answer = someone:post("/checkout", BUYER)
      assert.same({ 303, "/cart" }, { answer.status, answer.headers.location })
      with_cart{}
      with_cart{ currency = "USD" }
      local page = someone:get("/checkout")
      assert.equal("/cart", page.path)
      shows(page, "different currencies")
    end)
  end)

  it("takes no form that another site's page has sent", function()
    local path = "/products/" .. new_product{}
    local own = "Origin: http://127.0.0.1:" .. running.port
    assert.equal(303, someone:post(path, { quantity = "1" }, { own }).status)
    assert.equal(303, someone:post(path, { quantity = "1" }).status)
    for _, origin in ipairs{ "http://evil.example", "null", own:sub(9) .. ".evil.example", own:sub(9, -2), "" } do
      assert.equal(403, someone:post(path, { quantity = "1" }, { "Origin: " .. origin }).status, origin)
    end
  end)

  it("wants a form, and not a large one", function()
    local path = "/products/" .. new_product{}
    assert.equal(413, someone:post(path, { quantity = ("1"):rep(20000) }).status)
    local conn = wire.connect(running.port)
    conn:send(wire.post(path, "{}", "Content-Type: application/json"))
    assert.equal(415, assert(conn:answer()).status)
    conn:close()
  end)

  it("serves its assets, and tells browsers to be strict", function()
    for path, kind in pairs{ ["/assets/shop.css"] = "text/css; charset=utf-8", ["/assets/shop.svg"] = "image/svg+xml" } do
      local answer = someone:get(path)
      assert.same({ 200, kind }, { answer.status, answer.headers["content-type"] })
    end
    for _, path in ipairs{ "/assets/../app.lua", "/assets/%2e%2e/app.lua", "/assets/", "/assets/none.css" } do
      assert.truthy(someone:get(path).status >= 400, path)
    end
    assert.truthy(someone:get("/nothing").headers["content-security-policy"]:find("default-src 'self'", 1, true))
  end)

  it("needs no more statements for more in the cart", function()
    base:log_statements()
    local fresh = server.start{ app = "apps/shop", args = { "--workers", "1" }, env = { DATABASE_URL = base.url } }
    finally(function() fresh:stop() end)
    local one, texts = visitor.new(fresh.port), {}
    one:get("/") -- the first use of a model reads the catalogue
    for i = 1, 40 do
      texts[i] = i .. "x1"
      if i == 1 or i == 40 then
        one.cookies.cart = table.concat(texts, ".")
        assert.equal(1, base:statements(function() one:get("/cart") end))
        assert.equal(2, base:statements(function() one:get("/checkout") end)) -- the products, the countries
      end
    end
  end)
end)
