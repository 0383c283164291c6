-- For whoever watches over the process: is it alive, may it get requests.

local rille = require "rille"
local db = rille.db

local routes = rille.routes()

-- Restarting this process would help nobody whose database is away, so this asks only itself.
routes:get("/livez", function() return { status = "ok" } end)

routes:get("/readyz", function(c)
  local ok = pcall(db.one, db, "select 1 as ok")
  if not ok then
    c:fail(503, { code = "not_ready", message = "the database cannot be reached" })
  end
  return { status = "ok" }
end)

return routes
