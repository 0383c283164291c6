-- The shop: users who order products, in the countries and currencies of ISO.
-- As an API under /api/v1, and as pages for people, which need no script.
--
--   app.lua      what there is, and where
--   routes/      the API, one file a noun: reads the request, answers it
--   pages/       the pages, one file a part of the visit
--   views/       their templates; assets/ what browsers fetch beside them
--   models/      the tables, and what is done with them in more than one place
--   input.lua    what a request to the API says, checked, with every problem named
--   form.lua     the same for the forms of pages, to be shown again as they were filled in
--   page.lua     lists a page at a time
--   view.lua     a page in the shop's layout; display.lua how its values are written
--   origin.lua   forms are taken from our own pages only
--   seed.lua     data to try it with: rille exec apps/shop apps/shop/seed.lua
--
-- The tables are in migrations/. Money is counted in hundredths (`price_cents`)
-- beside the currency's code; times are UTC in ISO 8601.

local rille = require "rille"

local app = rille.app()

app:views{ layout = "layout", env = require "display" }
app:on_error(require "pages.error")
app:on_response(rille.mw.security_headers())

app:mount("", require "routes.health")
for _, noun in ipairs{ "countries", "currencies", "products", "tags", "users", "orders" } do
  app:mount("/api/v1", require("routes." .. noun))
end

local pages = app:group("", { use = { require "origin" } })
for _, part in ipairs{ "catalogue", "cart", "checkout" } do
  pages:mount("", require("pages." .. part))
end
app:static("/assets", "assets")

return app
