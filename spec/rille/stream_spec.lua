--- Answers sent piece by piece; what breaks on the way is in spec/apps/face_spec.lua.
local rille = require "rille"

local app, ran = rille.app(), 0
app:get("/", function()
  return rille.stream(function(out)
    ran = ran + 1
    out:write "one,"
    rille.sleep(0)
    out:write ""
    out:write "two"
  end, "text/csv"), 202, { ["X-A"] = "a" }
end)
app:get("/nothing", function() return rille.stream(function() end) end)
app:get("/status/:status", function(c) return rille.stream(function(out) out:write "x" end), tonumber(c.params.status) end)
app:get("/early", function(c) return rille.stream(function() c:fail(409, "not now") end) end)
app:get("/fault", function() return rille.stream(function() error "boom" end) end)
app:get("/table", function() return rille.stream(function(out) out:write {} end) end)
app:get("/defer", function()
  return rille.stream(function(out)
    rille.defer(function() ran = -1 end)
    out:write "x"
  end)
end)
app:get("/error", { use = { function(c, next) return next(c) end } }, function()
  return rille.stream(function() error { code = "busy", status = 503, message = "later" } end)
end)

local t = rille.test(app)
local api = t:client()

describe("a stream", function()
  it("sends its pieces with type, status and headers", function()
    local res = api:get "/"
    assert.same({ 202, "one,two", "text/csv", "a" }, { res.status, res.body, res.headers["content-type"], res.headers["x-a"] })
    assert.equal("chunked", res.headers["transfer-encoding"])
  end)

  it("does not run for HEAD", function()
    local before = ran
    local res = api:head "/"
    assert.same({ 202, "", "text/csv" }, { res.status, res.body, res.headers["content-type"] })
    assert.equal(before, ran)
  end)

  it("may send nothing", function()
    assert.same({ 200, "" }, { api:get("/nothing").status, api:get("/nothing").body })
    assert.same({ 204, "" }, { api:get("/status/204").status, api:get("/status/204").body })
    assert.same({ 304, "" }, { api:get("/status/304").status, api:get("/status/304").body })
  end)

  it("that fails before its first piece is an error like any other", function()
    local res = api:get "/early"
    assert.same({ 409, "not now", "application/json" }, { res.status, res.json.error.message, res.headers["content-type"] })
    assert.same({ 503, "busy" }, { api:get("/error").status, api:get("/error").json.error.code })
    for _, path in ipairs { "/fault", "/table", "/status/700" } do
      local ok, why = pcall(function() local res2 = api:get(path) return res2 end)
      assert.is_false(ok)
      assert.matches("was answered 500", why, 1, true)
    end
  end)

  it("defers until the request is over", function()
    assert.equal("x", api:get("/defer").body)
    assert.equal(-1, ran)
  end)
end)
