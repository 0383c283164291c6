-- The shop: users who order products, in the countries and currencies of ISO.
--
--   app.lua      what there is, and where
--   routes/      one file a noun: reads the request, answers it
--   models/      what is done in more than one place, or is more than a query
--   input.lua    what a request says, checked, with every problem named
--   page.lua     lists a page at a time
--   seed.lua     data to try it with: rille exec apps/shop apps/shop/seed.lua
--
-- The tables are in migrations/. Money is counted in hundredths (`price_cents`)
-- beside the currency's code; times are UTC in ISO 8601.

local rille = require "rille"

local app = rille.app()
local api = app:group("/api/v1")

require "routes.health"(app)
require "routes.countries"(api)
require "routes.currencies"(api)
require "routes.products"(api)
require "routes.users"(api)
require "routes.orders"(api)

return app
