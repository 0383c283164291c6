-- What brings a server process down, and what does not.
local rille = require "rille"
local app = rille.app()

local function process_id()
  local file = io.open "/proc/self/stat"
  local id = file:read "*n"
  file:close()
  return tostring(id)
end

app:get("/process", process_id)

app:get("/crash", function()
  local ffi = require "ffi"
  ffi.cast("int *", 16)[0] = 1
end)

-- Compiled: no hook is looked at.
app:get("/compiled", function(c)
  rille.log.info("it begins", { id = c.request_id })
  while true do end
end)

local function loop()
  while true do end
end

jit.off(loop)
app:get("/interpreted", function(c)
  rille.log.info("it begins", { id = c.request_id })
  loop()
end)

app:get("/slow", function()
  rille.sleep(0.4)
  return "slept"
end)

-- In flight for a while, and then says who answered.
app:get("/nap", function()
  rille.sleep(0.03)
  return process_id()
end)

-- Four connections at once, which then stay open.
app:get("/fill", function()
  local function hold() return rille.db:with({ lane = "exclusive" }):one("select pg_sleep(0.05)") end
  rille.all { hold, hold, hold, hold }
end)

app:post("/held", function(c) return tostring(#c:text()) end)

return app
