--- Registering routes: what is written wrong is said where it was written.
local rille = require "rille"

local v = rille.schema

local function handler() return "x" end

-- `call` fails at its own line, with `text` in the message.
local function refused(text, call)
  local ok, why = pcall(call)
  assert.is_false(ok, text)
  assert.matches(text, tostring(why), 1, true)
  assert.matches("^spec/rille/group_spec.lua:" .. debug.getinfo(call, "S").linedefined .. ": ", tostring(why))
end

describe("a route", function()
  local app

  before_each(function() app = rille.app() end)

  it("has a path that begins with a slash", function()
    refused("begins with '/'", function() app:get("users", handler) end)
    refused("begins with '/'", function() app:get("", handler) end)
    refused("got a number", function() app:get(7, handler) end)
  end)

  it("has a function as its handler, behind its options", function()
    refused("the handler is a function, got a table", function() app:get("/", {}) end)
    refused("the handler is a function, got a nil", function() app:post("/") end)
    refused("the options come before the handler", function() app:put("/", handler, {}) end)
    refused("a middleware of the route is one of its options, { use = { fn } }", function() app:put("/", handler, handler) end)
    refused("the options are a table, got a string", function() app:any("/", "name", handler) end)
  end)

  it("has the options there are", function()
    refused("a route has no option 'tiemout': did you mean 'timeout'?", function() app:get("/", { tiemout = 1 }, handler) end)
    refused("a route has no option 'colour': there are body, cookies", function() app:get("/", { colour = 1 }, handler) end)
    refused("a route's option 'name' is a string", function() app:get("/", { name = 1 }, handler) end)
    refused("on_disconnect is", function() app:get("/", { on_disconnect = "stay" }, handler) end)
    refused("a duration is a number of seconds", function() app:get("/", { timeout = "soon" }, handler) end)
    refused("a size is a number of bytes", function() app:get("/", { max_body = "lots" }, handler) end)
    refused("is a schema", function() app:get("/", { query = { page = v.integer() } }, handler) end)
    refused("a middleware is a function(c, next): got a string", function() app:get("/", { use = { "log" } }, handler) end)
  end)

  it("keeps its middleware before it", function()
    app:get("/", handler)
    refused("use comes before the group's first route", function() app:use(function(c, next) return next(c) end) end)
    local group = app:group "/api"
    group:use(function(c, next) return next(c) end)
    group:group "/v1"
    refused("use comes before", function() group:use(function(c, next) return next(c) end) end)
    refused("a middleware is a function(c, next): got a table", function() app:group("/x"):use({}) end)
  end)
end)

describe("groups, mounts and folders", function()
  local app

  before_each(function() app = rille.app() end)

  it("say what they take", function()
    refused("a group's prefix begins with '/'", function() app:group "api" end)
    refused("a mount's prefix begins with '/'", function() app:mount(nil, rille.routes()) end)
    refused("got a boolean: does its file return it?", function() app:mount("/a", true) end)
    refused("group has no option 'mw': there is use", function() app:group("/a", { mw = {} }) end)
    refused("mount has no option 'prefix': there is name and use", function() app:mount("/a", rille.routes(), { prefix = "" }) end)
    refused("got a number", function() app:group("/a", { use = { 1 } }) end)
    refused("a list of middleware", function() app:mount("/a", rille.routes(), { use = handler }) end)
    refused("the folder is a text", function() app:static("/a", nil) end)
    refused("begins with '/'", function() app:static("a", "b") end)
    refused("file has no option 'maxage'", function() app:static("/a", "b", { maxage = 1 }) end)
  end)

  it("put prefixes together; a path of '/' is the prefix itself", function()
    local posts = rille.routes()
    posts:get("/", function() return "all" end)
    posts:get("/:id", function(c) return "one " .. c.params.id end)
    local api = app:group "/api"
    api:mount("/posts", posts)
    api:get("/", function() return "api" end)
    app:group("/deep"):group("/er"):get("/x", function() return "deep" end)
    local client = rille.test(app):client()
    assert.equal("all", client:get("/api/posts").body)
    assert.equal("one 7", client:get("/api/posts/7").body)
    assert.equal("api", client:get("/api").body)
    assert.equal("deep", client:get("/deep/er/x").body)
    assert.equal(404, client:get("/api/posts/").status)
  end)
end)
