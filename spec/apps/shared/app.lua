--- Two workers of one process, and what they share: for spec/apps/shared_spec.lua.
local rille = require "rille"
local app = rille.app()

local me = rille.random(8)
local orders = rille.shared_channel("orders", { capacity = 10 })
local done = rille.shared_channel("done", { capacity = 1000 })
local store = rille.shared("counts", { bytes = "1M" })

-- Everybody works on the orders, and says who did.
app:on_start(function()
  rille.background(function()
    for order in orders:iter() do
      store:incr("worked by " .. me, 1, 0)
      done:send { id = order.id, by = me, items = order.items }
    end
  end)
end)

app:get("/who", function() return { me = me } end)

-- More orders than the channel holds: the sender waits for both workers.
app:post("/orders", function()
  for i = 1, 200 do
    orders:send { id = i, items = { "tea", i } }
    if i % 20 == 0 then
      rille.sleep(0.001)
    end
  end
  local by, ids = {}, 0
  for _ = 1, 200 do
    local one = done:recv "50s"
    by[one.by] = (by[one.by] or 0) + 1
    ids = ids + one.id
    assert(one.items[2] == one.id)
  end
  return { by = by, ids = ids, counted = store:keys "worked by " }
end)

app:get("/hear", function()
  local heard = rille.topic("news"):subscribe()
  store:incr("listeners", 1, 0)
  local value, why = heard:recv "50s"
  return { me = me, heard = value or why }
end)

app:post("/tell", function(c)
  return { to = rille.topic("news"):publish { text = c:text() } }
end)

app:get("/listeners", function() return { count = store:get "listeners" or 0 } end)

app:post("/counts", function()
  for _ = 1, 1000 do
    store:incr("hits", 1, 0)
  end
  return { hits = store:get "hits" }
end)

return app
