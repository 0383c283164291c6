local rille = require "rille"
local db = rille.db

return function(api)
  api:get("/currencies", function()
    return { items = db:query("select code, numeric_code, name from currencies order by code") }
  end)
end
