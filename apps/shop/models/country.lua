--- Countries, as ISO 3166-1 lists them; known by their alpha-2 code.

local rille = require "rille"

local country = rille.model("countries", { noun = "country" })

--- What lists show of them, by name.
function country.query:brief()
  return self:select("code", "alpha3", "numeric_code", "name", "flag"):order("name")
end

return country
