--- What face_spec asks: the parts of the face that need a server, its log, or its stop.

local rille = require "rille"
local shared = require "models.shared"

local app, events = rille.app(), {}

app:on_start(function() rille.log.info "the app starts" end)
app:on_stop(function() rille.log.info "the app stops" end)

local function noted(name)
  events[#events + 1] = name
end

app:get("/events", function()
  local seen = table.concat(events, " ")
  events = {}
  return seen
end)

-- who asks
app:get("/who", function(c) return { ip = c.ip, scheme = c.scheme, host = c.host } end)

-- what runs behind the answer
app:get("/after", function(c)
  rille.defer(noted, "deferred1")
  c:after(noted, "after1")
  c:after(function() error "in after" end)
  c:after(function() noted("after2 " .. c.path) end)
  rille.defer(noted, "deferred2")
  return "answered"
end)

-- streams
app:get("/stream/broken", function()
  return rille.stream(function(out)
    out:write "half"
    error "broke on the way"
  end)
end)
app:get("/stream/endless", function()
  return rille.stream(function(out)
    rille.defer(noted, "endless-over")
    while true do
      out:write(("x"):rep(65536))
    end
  end)
end)
app:get("/file", function() return rille.file "app.lua" end)

-- clients that leave
local function wait_long(c)
  local ok, err = pcall(rille.sleep, 20)
  noted(c.method .. (ok and "-slept" or "-" .. err.code))
  pcall(rille.sleep, 20) -- raises again: a swallowed cancellation does not go on
  noted "end"
end
local function finish(c)
  rille.sleep "50ms"
  noted(c.method .. "-finished")
end
app:get("/leave", wait_long)
app:post("/leave", finish)
app:get("/leave/not", { on_disconnect = "finish" }, finish)
app:delete("/leave/indeed", { on_disconnect = "cancel" }, wait_long)

-- modules
app:get("/modules", function()
  return { shared = shared.name, slow = require("models.slow").loaded }
end)
app:get("/circle", function() return require("models.circle_a") end)
app:get("/broken-module", function() return require("models.broken") end)
app:get("/no-module", function() local none = require "models.none" return none end)
app:get("/global", function() leaked = 1 end) -- luacheck: ignore
app:get("/guards/:name", function(c)
  if c.params.name == "exit" then os.exit(1) end
  if c.params.name == "locale" then os.setlocale "C" end
  if c.params.name == "popen" then return io.popen("echo popen"):read "*a" end
  if c.params.name == "bytecode" then return tostring(load(string.dump(function() return 1 end))) end
  return tostring(loadstring "return 1" ~= nil and load("return 2")() == 2)
end)

app:get("/handler/:kind", function(c)
  local fails = c.params.kind == "error" and error or function() return nil .. "x" end
  local ok, why = xpcall(fails, function() rille.sleep(0) end)
  return tostring(ok) .. " " .. tostring(why)
end)

-- what a request is called
app:get("/id", function(c) c.log.info "its id" return c.request_id end)

-- a mounted app, and what is around it: each finds its files in its own folder
app:views{}
app:get("/page", function(c) return c:render "page" end)
app:get("/note", function() return rille.file "note.txt" end)
app:get("/outside", { name = "outside" }, function() end)
app:on_error("teapot", function(c) return c:render "page" end)
app:on_response(function(c, res)
  if c.query.hook then res.body = c:render("page").body end
end)

local function page_around(c, next)
  local res = next(c)
  if c.query.around == "page" then return c:render "page" end
  if c.query.around == "name" then return c:url_for "outside" end
  return res
end

app:mount("/admin", require "admin.app", { use = { page_around } })

return app
