-- Data to try the shop with: `rille exec apps/shop apps/shop/seed.lua`.
--
-- Countries and currencies are ISO's, as Debian's iso-codes has them; products,
-- users and orders are invented, the same each time. Runs as often as you like:
-- what is there already stays, and nothing is half done.

local rille = require "rille"
local order = require "models.order"
local product = require "models.product"
local user = require "models.user"
local db = rille.db

local ISO_FOLDER = "/usr/share/iso-codes/json/"
local USER_COUNT, PRODUCT_COUNT, ORDER_COUNT = 40, 120, 100

local function iso_entries(standard)
  local path = ISO_FOLDER .. "iso_" .. standard .. ".json"
  local file = io.open(path)
  if not file then error("cannot read " .. path .. ": install the package iso-codes", 0) end
  local text = file:read("*a")
  file:close()
  return rille.json.decode(text)[standard]
end

-- The values under `key` of all entries, as one array for the database.
local function column(entries, key, fallback)
  local values = {}
  for i, entry in ipairs(entries) do
    values[i] = entry[key] or entry[fallback] or rille.null
  end
  return rille.array(values)
end

-- Names change now and then, codes do not: seeding again brings the new names.
local function load_countries()
  local list = iso_entries("3166-1")
  return db:exec([[
    insert into countries (code, alpha3, numeric_code, name, official_name, flag)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    on conflict (code) do update
      set name = excluded.name, official_name = excluded.official_name, flag = excluded.flag]],
    column(list, "alpha_2"), column(list, "alpha_3"), column(list, "numeric"),
    column(list, "common_name", "name"), column(list, "official_name"), column(list, "flag"))
end

local function load_currencies()
  local list = iso_entries("4217")
  return db:exec([[
    insert into currencies (code, numeric_code, name) select * from unnest($1::text[], $2::text[], $3::text[])
    on conflict (code) do update set name = excluded.name]],
    column(list, "alpha_3"), column(list, "numeric"), column(list, "name"))
end

-- A list's element for each n, over and over.
local function pick(list, n)
  return list[n % #list + 1]
end

local FINISHES = { "Walnut", "Enamel", "Linen", "Brass", "Slate", "Birch", "Copper" }
local THINGS = {
  "Lamp", "Kettle", "Notebook", "Clock", "Bowl", "Stool", "Basket", "Mirror", "Tray", "Vase", "Hook",
}

-- 7 finishes and 11 things have no common divisor, so the first 77 names differ; then a size is added.
local function invented(n)
  local name = pick(FINISHES, n) .. " " .. pick(THINGS, n)
  if n >= #FINISHES * #THINGS then name = "Large " .. name end
  return ("SHOP-%04d"):format(n + 1), name, 450 + n * 373 % 9600, 20 + n * 17 % 180
end

local function load_products()
  local skus, names, prices, stocks = {}, {}, {}, {}
  for i = 1, PRODUCT_COUNT do
    skus[i], names[i], prices[i], stocks[i] = invented(i - 1)
  end
  return db:exec([[
    insert into products (sku, name, price_cents, stock, currency_code)
    select *, 'EUR' from unnest($1::text[], $2::text[], $3::int[], $4::int[])
    on conflict (sku) do nothing]],
    rille.array(skus), rille.array(names), rille.array(prices), rille.array(stocks))
end

-- What a product is made of and what it is: the words of its name, which those tagged before keep.
local function tag_products()
  db:exec [[
    insert into tags (name) select distinct lower(word) from products, regexp_split_to_table(name, ' ') word
    on conflict do nothing]]
  return db:exec [[
    insert into product_tags (product_id, tag_id)
    select p.id, t.id from products p join tags t on t.name = any(string_to_array(lower(p.name), ' '))
    on conflict do nothing]]
end

local GIVEN = { "Ada", "Bao", "Chidi", "Dana", "Emre", "Farah", "Goran", "Hana", "Ines" }
local FAMILY = { "Abara", "Berg", "Costa", "Demir", "Evans", "Fuchs", "Garcia", "Haddad" }
local COUNTRIES = { "PT", "DE", "NG", "JP", "TR", "BR", "IN", "CA" }

local function load_users()
  local emails, names, countries = {}, {}, {}
  for i = 1, USER_COUNT do
    local given, family = pick(GIVEN, i), pick(FAMILY, i)
    emails[i] = ("%s.%s%d@example.com"):format(given, family, i):lower()
    names[i], countries[i] = given .. " " .. family, pick(COUNTRIES, i)
  end
  return db:exec([[
    insert into users (email, name, country_code) select * from unnest($1::text[], $2::text[], $3::text[])
    on conflict (lower(email)) do nothing]],
    rille.array(emails), rille.array(names), rille.array(countries))
end

-- Of ten orders six are paid, four of those on their way, and one is cancelled.
local function follow(placed, n)
  if n % 10 == 9 then
    placed:cancel()
  elseif n % 10 < 6 then
    placed:pay()
    if n % 10 < 4 then placed:ship() end
  end
end

-- Orders have no key of their own to know them by: a shop that has any is left alone.
local function place_orders()
  if order:exists() then return 0 end
  local users = user:order("id"):pluck("id")
  local products = product:where{ currency_code = "EUR" }:order("id"):pluck("id")
  for n = 1, ORDER_COUNT do
    local lines = {}
    for k = 1, 1 + n % 4 do
      lines[k] = { product_id = pick(products, n * 7 + k), quantity = 1 + (n + k) % 3 }
    end
    follow(order.place(pick(users, n * 3), lines), n)
  end
  return ORDER_COUNT
end

local function say(what, count)
  io.write(("%-12s %d\n"):format(what, count))
end

db:transaction(function()
  say("countries", load_countries())
  say("currencies", load_currencies())
  say("products", load_products())
  say("tags", tag_products())
  say("users", load_users())
  say("orders", place_orders())
end)
