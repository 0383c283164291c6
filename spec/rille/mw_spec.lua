--- The middleware that comes with Rille.
local clock = require "rille.test.clock"
local rille = require "rille"

local mw = rille.mw

local function client_of(fill)
  local app = rille.app()
  fill(app)
  return rille.test(app):client()
end

describe("cors", function()
  local api = client_of(function(app)
    local open = app:group("/open", { use = { mw.cors { origins = "*" } } })
    open:get("/:id", function() return "x" end)
    open:get("/fail", function(c) return c:fail(409) end)
    app:get("/shop/:id", function() return "x" end)
    local shop = app:group("/shop", { use = { mw.cors {
      origins = { "https://a.example", "https://b.example" }, credentials = true, expose = { "X-A" }, max_age = "1h", methods = { "PUT" },
    } } })
    shop:put("/:name", function() return "put" end)
  end)

  local function preflight(path, origin)
    return api:options(path, { headers = { origin = origin, ["access-control-request-method"] = "PUT" } })
  end

  it("lets every origin read, errors too", function()
    local res = api:get("/open/1", { headers = { origin = "https://x.example" } })
    assert.same({ 200, "*" }, { res.status, res.headers["access-control-allow-origin"] })
    res = api:get("/open/fail", { headers = { origin = "https://x.example" } })
    assert.same({ 409, "*" }, { res.status, res.headers["access-control-allow-origin"] })
    assert.is_nil(api:get("/open/1").headers["access-control-allow-origin"])
  end)

  it("answers preflights, and names all methods of the path", function()
    local res = preflight("/shop/1", "https://b.example")
    assert.equal(204, res.status)
    assert.same({ "https://b.example", "true", "PUT", "Content-Type, Authorization", "3600", "Origin" }, {
      res.headers["access-control-allow-origin"], res.headers["access-control-allow-credentials"],
      res.headers["access-control-allow-methods"], res.headers["access-control-allow-headers"],
      res.headers["access-control-max-age"], res.headers.vary })
    assert.equal("GET, HEAD, PUT, OPTIONS", res.headers.allow)
  end)

  it("says nothing to other origins", function()
    local res = preflight("/shop/1", "https://evil.example")
    assert.equal(204, res.status)
    assert.is_nil(res.headers["access-control-allow-origin"])
    assert.equal("Origin", res.headers.vary)
  end)

  it("holds for every answer as on_response", function()
    local all = client_of(function(app)
      app:on_response(mw.cors { origins = "*" })
      app:get("/", function() return "x" end)
    end)
    local headers = { origin = "https://x.example", ["access-control-request-method"] = "GET" }
    assert.equal("*", all:get("/none", { headers = headers }).headers["access-control-allow-origin"])
    assert.equal("*", all:get("/", { headers = headers }).headers["access-control-allow-origin"])
    local res = all:options("/", { headers = headers })
    assert.same({ 204, "600" }, { res.status, res.headers["access-control-max-age"] })
  end)

  it("refuses what would be unsafe or is unknown", function()
    local function refused(text, options)
      local ok, why = pcall(function() local fn = mw.cors(options) return fn end)
      assert.is_false(ok)
      assert.matches("^spec/rille/mw_spec.lua:%d+: ", why)
      assert.matches(text, why, 1, true)
    end
    refused('origins = "*" with credentials', { origins = "*", credentials = true })
    refused("cors wants origins", nil)
    refused("cors wants origins", { origins = "https://a.example" })
    refused("cors has no option 'origin'", { origin = {} })
    refused("a duration is", { origins = "*", max_age = "long" })
  end)
end)

describe("timeout and body_limit", function()
  it("bound the rest of the chain", function()
    clock.freeze()
    local api = client_of(function(app)
      app:use(mw.timeout "5s", mw.body_limit "1K")
      app:get("/", function() rille.sleep(10) end)
      app:post("/", function(c) return c:text() end)
    end)
    assert.equal(504, api:get("/").status)
    assert.equal(413, api:post("/", { body = ("x"):rep(1025) }).status)
    assert.equal(200, api:post("/", { body = "x" }).status)
  end)

  it("say what they take at the caller's line", function()
    for _, name in ipairs { "timeout", "body_limit" } do
      local ok, why = pcall(function() local fn = mw[name] "much" return fn end)
      assert.is_false(ok)
      assert.matches("^spec/rille/mw_spec.lua:%d+: a ", why)
    end
  end)
end)

describe("security_headers", function()
  it("are set for every answer, changed or left out; a page's own policy holds", function()
    local api = client_of(function(app)
      app:on_response(mw.security_headers { ["X-Frame-Options"] = "SAMEORIGIN", ["Referrer-Policy"] = false })
      app:get("/", function() return "x" end)
      app:get("/own", function() return "x", 200, { ["Content-Security-Policy"] = "default-src *" } end)
    end)
    local res = api:get "/none"
    assert.same({ "SAMEORIGIN", "nosniff" }, { res.headers["x-frame-options"], res.headers["x-content-type-options"] })
    assert.is_nil(res.headers["referrer-policy"])
    assert.equal("default-src *", api:get("/own").headers["content-security-policy"])
    assert.matches("frame-ancestors 'none'", api:get("/").headers["content-security-policy"], 1, true)
  end)
end)
