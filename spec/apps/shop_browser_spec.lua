-- A visit to the shop in Chromium, from the list of products to a placed order.
local chromium = require "spec.browser.chromium"
local database = require "spec.apps.database"
local server = require "spec.server"

describe("apps/shop in a browser", function()
  local base, running, browser, home

  setup(function()
    base = database.new()
    base:migrate()
    base:seed("apps/shop")
    running = server.start{ app = "apps/shop", env = { DATABASE_URL = base.url } }
    home = "http://127.0.0.1:" .. running.port
    browser = chromium.start()
  end)

  teardown(function()
    if browser then browser:stop() end
    if running then running:stop() end
    if base then base:drop() end
  end)

  local function stock_of(sku)
    return tonumber(base:sql(("select stock from products where sku = '%s'"):format(sku)))
  end

  -- What is wrong with a field, as somebody sees it who cannot see the page.
  local function description(css)
    return browser:text("#" .. browser:attribute(css, "aria-describedby"))
  end

  it("sells: list, product, cart, a form with mistakes, the same form mended, an order", function()
    local before = stock_of("SHOP-0014")
    browser:go(home .. "/")
    assert.equal("Products – The Shop", browser:title())
    assert.equal(12, browser:count("ul.products > li"))
    browser:follow("a[rel=next]")
    assert.equal("/?after=12", browser:path())
    browser:follow("ul.products > li:nth-child(2) a")
    assert.equal("SHOP-0014", browser:text("dl div:nth-child(2) dd"))

    browser:type("#quantity", "99999")
    browser:follow("main button")
    assert.equal("Quantity must be at most 1000", description("#quantity"))
    assert.equal("99999", browser:value("#quantity"))
    assert.equal("quantity", browser:focus())
    browser:type("#quantity", "2")
    browser:follow("main button")
    assert.equal("/cart", browser:path())
    assert.equal("2", browser:text("#cart-count"))

    browser:type("main input[name=quantity]", "3")
    browser:follow("button[value=set]")
    assert.equal("3", browser:text("#cart-count"))
    browser:follow("a.button")

    browser:type("#email", "not an address")
    browser:follow("main button")
    assert.equal("/checkout", browser:path())
    assert.equal("Error: Check out – The Shop", browser:title())
    assert.equal("Name is required", description("#name"))
    assert.equal("Email must be an email address", description("#email"))
    assert.equal("Country is required", description("#country_code"))
    assert.equal("true", browser:attribute("#email", "aria-invalid"))
    assert.equal("not an address", browser:value("#email"))
    assert.equal("name", browser:focus())
    assert.equal(3, browser:count("[role=alert] a"))
    assert.equal(before, stock_of("SHOP-0014"))

    browser:type("#name", 'Zoë "<b>" O\'Neill')
    browser:type("#email", "zoe@example.com")
    browser:choose("#country_code", "Côte d'Ivoire")
    browser:follow("main button")
    assert.equal("Thank you", browser:text("h1"))
    assert.equal("0", browser:text("#cart-count"))
    local number = browser:text("#order-number")
    assert.equal("/orders/" .. number, browser:path())
    assert.equal(before - 3, stock_of("SHOP-0014"))
    assert.equal('Zoë "<b>" O\'Neill|CI|3', base:sql([[
      select u.name, u.country_code, i.quantity
      from orders o join users u on u.id = o.user_id join order_items i on i.order_id = o.id
      where o.id = ]] .. number))
  end)

  it("fits a phone and a desk, in light and dark, with a name for every field", function()
    browser:go(home .. "/products/3")
    browser:follow("main button")
    for _, path in ipairs{ "/", "/products/3", "/cart", "/checkout", "/nothing" } do
      for _, screen in ipairs{ { 320, 640, "light" }, { 1280, 900, "dark" } } do
        browser:be_screen(screen[1], screen[2], { is_phone = screen[1] < 600, scheme = screen[3] })
        browser:go(home .. path)
        assert.is_false(browser:scrolls_sideways(), path .. " at " .. screen[1])
      end
    end
    browser:go(home .. "/checkout")
    for css, label in pairs{ ["#name"] = "Name", ["#email"] = "Email", ["#country_code"] = "Country" } do
      assert.equal(label, browser:label(css))
    end
  end)

  it("needs nothing that its own security headers forbid", function()
    browser:complaints() -- those of the examples before
    for _, path in ipairs{ "/", "/products/3", "/cart", "/checkout" } do
      browser:go(home .. path)
    end
    assert.same({}, browser:complaints())
  end)

  it("takes no form from another site's page", function()
    browser:go("data:text/html," .. ('<form method="post" action="%s/products/3"><input name="quantity" value="1"><button>'):format(home))
    browser:follow("button")
    assert.equal("Not allowed", browser:text("h1"))
  end)
end)
