local App = require "rille.app"
local core = require "rille.core"
local dashboard = require "rille.dashboard"
local rille = require "rille"

describe("the dashboard", function()
  local guarded = false
  local api = rille.test(dashboard.app(function(c, next)
    if guarded then
      rille.fail(403, "not you")
    end
    return next(c)
  end)):client()

  after_each(function() guarded = false end)

  it("has pages in which nothing runs or is shown that its own files do not say", function()
    for _, path in ipairs { "", "/routes", "/statements", "/database", "/tasks", "/channels", "/workers", "/log" } do
      local res = api:get("/_rille" .. path)
      assert.equal(200, res.status, path)
      assert.matches("<!doctype html>", res.body, 1, true)
      assert.matches("default-src 'none'", res.headers["content-security-policy"], 1, true)
      assert.equal("no-store", res.headers["cache-control"])
      assert.is_nil(res.body:find "<style" or res.body:find " style=" or res.body:find "<script>" or res.body:find " on%a+=")
    end
    assert.equal("text/css; charset=utf-8", api:get("/_rille/dashboard.css").headers["content-type"])
    assert.matches("EventSource", api:get("/_rille/dashboard.js").body, 1, true)
    assert.matches("EventSource", api:get("/_rille/refresh.js").body, 1, true)
  end)

  it("leads to each of its pages", function()
    for href in api:get("/_rille").body:match "<nav.-</nav>":gmatch 'href="([^"]*)"' do
      assert.equal(200, api:get(href).status, href)
    end
  end)

  it("writes nothing down where it is behind the admin listener", function()
    local admin = rille.test(dashboard.app(function(c, next) return next(c) end, "admin")):client()
    local res = admin:post("/_rille/specs", { form = { token = "x" }, headers = { origin = "http://localhost" } })
    assert.equal(404, res.status)
    assert.equal(403, api:post("/_rille/specs", { form = { token = "x" }, headers = { origin = "http://localhost" } }).status)
  end)

  it("says so when a request is not kept any more", function()
    assert.matches("Not kept any more", api:get("/_rille/requests/nosuch").body, 1, true)
  end)

  it("lets nobody in whom its guard does not, not to its files either", function()
    guarded = true
    for _, path in ipairs { "", "/routes", "/requests/x", "/dashboard.css", "/changes" } do
      local res = api:get("/_rille" .. path)
      assert.equal(403, res.status, path)
      assert.matches("default-src 'none'", res.headers["content-security-policy"], 1, true)
    end
  end)

  it("stands beside an app, outside of its middleware and on_error", function()
    local app = App.new()
    local seen = {}
    app:use(function(c, next)
      seen[#seen + 1] = c.path
      return next(c)
    end)
    app:on_error(function() return "the app's" end)
    app:get("/*rest", function() return "any" end)
    local number = core.test_app(core.settings)
    app:build { dashboard.app(dashboard.only_here) }
    local client = require("rille.test.client").new(number)
    assert.equal("any", client:get("/x").body)
    assert.equal(200, client:get("/_rille").status)
    local res = client:get("/_rille", { headers = { host = "evil.test" } })
    assert.equal(403, res.status)
    assert.matches("this machine", res.body, 1, true)
    assert.same({ "/x" }, seen)
  end)
end)
