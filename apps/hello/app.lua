-- Hello: the whole of Rille's manner in three routes. "/" needs nothing; the
-- others read the tables that migrations/ makes: `rille db start`,
-- `rille migrate`, or DATABASE_URL.

local rille = require "rille"
local app, db = rille.app(), rille.db

app:get("/", function() return "Hello, World!" end) -- a string is text, a table JSON, nothing 204

app:get("/countries/:code", function(c)
  return db:one("select code, name from countries where code = $1", c.params.code:upper())
      or c:fail(404, "no such country")
end)

app:get("/summary", { timeout = 2 }, function() -- two queries, one wait; both cancelled if the client leaves
  return rille.all{
    users  = function() return db:one("select count(*) from users").count end,
    orders = function() return db:one("select count(*) from orders").count end,
  }
end)

return app -- save the file: the next request runs the new code
