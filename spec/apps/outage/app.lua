--- What spec/apps/outage_spec.lua does to the database while this app uses it.

local rille = require "rille"
local v = rille.schema
local db = rille.db

local app = rille.app()

app:get("/plain", function() return "plain" end)

-- On the lane of quick statements, once it has been quick some times.
app:get("/quick", function()
  return db:one "select pg_backend_pid() as pid, current_setting('lock_timeout') <> '0' as is_shared"
end)
app:get("/sleep", function() return { slept = db:one("select pg_sleep(60)::text as done").done } end)
app:post("/hold", function()
  db:transaction(function() db:exec "select pg_sleep(60)" end)
end)

-- Each number is written by one request alone.
app:post("/writes/:n", { params = v.object { n = v.integer() } }, function(c)
  db:exec("insert into written (n) values ($1)", c.params.n)
  return { n = c.params.n }
end)
app:post("/turns/:n", { params = v.object { n = v.integer() } }, function(c)
  db:exec("insert into turn (n) values ($1)", c.params.n)
end)
app:get("/reads/:n", { params = v.object { n = v.integer() } }, function(c)
  return { n = db:one("select $1::int as n", c.params.n).n }
end)

app:get("/nonce/:nonce", {
  params = v.object { nonce = v.string() }, query = v.object { sleep = v.number(), deadline = v.number() },
}, function(c)
  return rille.timeout(c.query.deadline, function()
    return db:one("select $1::text as nonce from pg_sleep($2)", c.params.nonce, c.query.sleep)
  end)
end)

app:get("/stats", function() return db:stats() end)

return app
