--- Tags: words by which products are found.

local rille = require "rille"
local v = rille.schema

local NAME = v.string{ pattern = "^[%w-]+$", min = 2, max = 32, message = "must be letters, digits and hyphens" }

return rille.model("tags", {
  -- For `rille migrate diff`; the other tables were there before their models.
  columns = { name = "text not null unique check (name ~ '^[a-z0-9-]{2,32}$')" },
  schema = v.object{ name = NAME },
  before_save = function(fields) fields.name = fields.name and fields.name:lower() end,
  many_to_many = { products = { "models.product", table = "product_tags" } },
})
