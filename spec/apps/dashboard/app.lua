-- Something of all that the dashboard shows.
local rille = require "rille"
local app, db = rille.app(), rille.db
local gate = rille.channel()
local thumbnails = rille.shared_channel("thumbnails", { capacity = 8 })

app:get("/", function() return rille.html("<!doctype html><title>App</title><h1>" .. require "words" .. "</h1>") end)

app:get("/strict", function(c)
  c:set_header("Content-Security-Policy", "default-src 'none'")
  return rille.html "<!doctype html><title>Strict</title><p>strict"
end)

-- One statement for each of a list.
app:get("/many", function()
  for i = 1, 12 do
    db:one("select $1::int as number", i)
  end
end)

app:get("/slow", function() db:query "select '<b>it''s</b>' as slow, pg_sleep(0.12)" end)

app:get("/mixed", function()
  rille.all { function() rille.sleep(0.005) end, function() db:one "select 1 as one" end }
end)

app:get("/fails", function() error "it fails" end)

-- Lives until somebody asks for /go.
app:get("/waits", function() gate:recv() end)
app:get("/go", function() gate:send(true, 5) end)

app:on_start(function() thumbnails:try_send("a") end)

return app
