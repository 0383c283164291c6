--- What an app still does when its server stops.
local rille = require "rille"

local app = rille.app()
local stop = rille.channel()

app:get("/short", function()
  rille.background(function()
    stop:recv()
    rille.sleep "20ms"
    rille.log.info "the short task has ended"
  end)
end)

app:get("/endless", function()
  rille.background(function() rille.sleep "1h" end) -- endless
end)

local ended_in_time

app:get("/until-stop", function()
  ended_in_time = rille.background(function() rille.sleep "1h" end)
end)

app:on_stop(function()
  if ended_in_time then
    ended_in_time:cancel()
  end
  rille.log.info "the app stops"
  stop:close()
end)

return app
