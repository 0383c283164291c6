-- What `rille status` tells of: statements on both lanes, and who listens.
local rille = require "rille"
local timeline = require "rille.timeline"
local app, db = rille.app(), rille.db

app:get("/one", function() return { n = db:one("select 1 as n").n } end)

app:get("/held", function()
  return db:transaction(function() return { held = db:one("select pg_sleep(30)::text as s").s } end)
end)

app:get("/heard", function() return { payload = db:listen("news"):recv("30s").payload } end)

app:get("/slept", function() rille.sleep "30s" return "ok" end)

app:get("/timeline/:what", function(c) return timeline[c.params.what]() end)

app:get("/stats", function() return db:stats() end)

app:cron("0 3 * * *", function() end, { name = "nightly" })
app:every("20ms", function() end, { name = "often", scope = "worker" })

return app
