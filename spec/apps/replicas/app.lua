--- Which server a request's statements run on, for spec/apps/replicas_spec.lua.

local rille = require "rille"

local app, db = rille.app(), rille.db

local WHERE = "select case when pg_is_in_recovery() then 'replica' else 'primary' end as place"
local SLOW = "select case when pg_is_in_recovery() then 'replica' else 'primary' end as place, pg_sleep(0.05)::text"

local function place(handle, sql)
  return handle:one(sql or WHERE).place
end

app:get("/plain", function() return place(db) end)
app:get("/reader", function() return place(db:read()) end)
app:get("/slow", { read_only = true }, function() return place(db, SLOW) end)

app:get("/declared", { read_only = true }, function()
  return {
    one = place(db),
    batch = db:batch({ { WHERE } })[1][1].place,
    transaction = db:transaction(function() return place(db) end),
    each = db:each(WHERE)().place,
    task = rille.all({ function() return place(db) end })[1],
  }
end)

-- Each writes, and says so to nobody.
app:get("/hidden", { read_only = true }, function() db:one "select make_item(1)" end)
app:get("/batched", { read_only = true }, function() db:batch { { "insert into item values (2)" } } end)
app:get("/within", { read_only = true }, function()
  db:transaction(function() db:exec "insert into item values (3)" end)
end)

app:post("/items/:id", { params = rille.schema.object { id = rille.schema.integer() } }, function(c)
  local before = place(db:read())
  db:exec("insert into item values ($1)", c.params.id)
  return {
    before = before,
    after = place(db:read()),
    seen = db:read():one("select count(*) as n from item where id = $1", c.params.id).n,
    task = rille.all({ function() return place(db:read()) end })[1],
  }
end)

app:get("/stats", function() return { replicas = db:stats().replicas } end)

return app
