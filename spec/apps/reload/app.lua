-- What changes is version.lua: the spec writes it anew.
local rille = require "rille"
local app = rille.app()
local first, second = require "first", require "second"

app:get("/", function() return first .. " " .. second end)

app:get("/page", function() return rille.html("<!doctype html><p>" .. first) end)

-- Waits for the body: the request's code is older than its end.
app:post("/echo", function(c) return first .. " " .. c:text() end)

app:get("/rows", function() return tostring(#rille.db:query "select generate_series(1, 3)") end)

-- A module that nobody needed before.
app:get("/late", function() return require "late" end)

local service

app:on_start(function()
  rille.log.info("start of " .. first)
  service = rille.background(function()
    rille.defer(function() rille.log.info("end of service " .. first) end)
    rille.sleep(3600)
  end)
end)

app:on_stop(function()
  rille.log.info("stop of " .. first)
  service:cancel()
end)

return app
