--- Currencies, as ISO 4217 lists them; known by their code.

local rille = require "rille"

return rille.model("currencies")
