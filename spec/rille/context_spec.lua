--- `c`: what it reads, what it does, and that it ends with its request.
local rille = require "rille"

local app, kept = rille.app(), nil

app:get("/reads/:id", { timeout = 5 }, function(c)
  return {
    method = c.method, path = c.path, id = c.params.id, first = c.query.a, all = c:query_all "a", none = c:query_all "b",
    agent = c.headers["user-agent"], cookie = c.cookies.seen, host = c.host, scheme = c.scheme, ip = c.ip,
    has_deadline = c.deadline > 0 and c:remaining() > 0, id_length = #c.request_id,
  }
end)
app:post("/body", function(c) return { body = c.body, again = c.body, text = c:text() } end)
app:post("/json", function(c) return { got = c:json() } end)
app:get("/keep", function(c)
  kept = { c = c, params = c.params, id = c.request_id }
  return "kept"
end)
app:get("/unknown", function(c) return c.parms.id end)
app:get("/assign", function(c) c.user = 1 end)
app:get("/state", { use = { function(c, next) c.state.user = "ada" return next(c) end } }, function(c) return c.state.user end)
app:get("/headers", function(c)
  c:set_header("X-List", { "a", "b" })
  c:set_header("X-Number", 7)
  c:set_header("X-Gone", "x")
  c:set_header("x-gone", nil)
  c:set_header("Content-Type", "text/csv")
  return "a,b"
end)
app:get("/override", function(c)
  c:set_header("X-A", "early")
  c:set_header("Vary", "Origin")
  c:set_header("Content-Type", "text/early")
  return "x", 200, { ["x-a"] = "late", vary = "Accept", ["content-type"] = "text/late" }
end)
app:get("/bad-header/:case", function(c)
  if c.params.case == "value" then c:set_header("X", "a\nb") end
  if c.params.case == "kind" then c:set_header("X", true) end
  if c.params.case == "name" then c:set_header("X Y", "a") end
  c:set_header("Content-Length", "7")
end)
for name, fn in pairs {
  text = function() return "x" end,
  nothing = function() end,
  fail = function(c) return c:fail(403, { message = "no", headers = { ["X-Why"] = "because" } }) end,
  fault = function() error "boom" end,
  file = function() return rille.file "LICENSE" end,
  stream = function() return rille.stream(function(out) out:write "s" end) end,
  redirect = function() return rille.redirect("/text", 303) end,
} do
  app:get("/early/" .. name, function(c)
    c:set_header("X-Early", "yes")
    c:set_cookie("seen", "1")
    return fn(c)
  end)
end

local t = rille.test(app)
local api = t:client()

-- The words of a fault.
local function fault_of(path)
  local ok, why = pcall(function() local res = api:get(path) return res end)
  assert.is_false(ok)
  return why
end

describe("a context", function()
  it("reads its request", function()
    local res = t:client{ headers = { ["User-Agent"] = "spec", Cookie = "seen=a%20b; seen=2" } }:get "/reads/a%2Fb?a=1&a=2"
    assert.same({
      method = "GET", path = "/reads/a%2Fb", id = "a/b", first = "1", all = { "1", "2" }, none = {}, agent = "spec",
      cookie = "a b", host = "localhost", scheme = "http", ip = "127.0.0.1", has_deadline = true, id_length = 24,
    }, res.json)
  end)

  it("has a body by its content type", function()
    assert.same({ a = 1 }, api:post("/body", { json = { a = 1 } }).json.body)
    assert.same({ a = "1" }, api:post("/body", { form = { a = 1 } }).json.again)
    local res = api:post("/body", { body = "plain" }).json
    assert.same({ "plain", "plain" }, { res.body, res.text })
    assert.same({ x = 1 }, api:post("/body", { body = '{"x":1}', headers = { ["content-type"] = "application/a+json" } }).json.body)
  end)

  it("refuses a body that is no JSON", function()
    local res = api:post("/json", { body = "{", headers = { ["content-type"] = "application/json" } })
    assert.same({ 400, "bad_request" }, { res.status, res.json.error.code })
    res = api:post("/json", { body = "a=1", headers = { ["content-type"] = "text/plain" } })
    assert.equal(415, res.status)
    assert.matches("send it with 'Content-Type: application/json', not 'text/plain'", res.json.error.message, 1, true)
  end)

  it("names what was meant, and c.state", function()
    assert.matches("context_spec.lua:%d+: c has no 'parms': did you mean 'params'", fault_of "/unknown")
    assert.matches("context_spec.lua:%d+: c.user cannot be assigned: put your own values into c.state", fault_of "/assign")
    assert.equal("ada", api:get("/state").body)
  end)

  it("raises in every use after its end, but what was read stays", function()
    api:get "/keep"
    local c = kept.c
    assert.equal("table", type(kept.params))
    local function over(call)
      local ok, why = pcall(call)
      assert.is_false(ok)
      assert.matches("request is over", tostring(why), 1, true)
    end
    for _, key in ipairs { "method", "path", "params", "query", "headers", "cookies", "body", "request_id", "deadline", "log",
      "state", "ip", "scheme", "host" } do
      over(function() return c[key] end)
    end
    for _, name in ipairs { "json", "form", "text", "validate", "set_header", "set_cookie", "after", "remaining", "url_for",
      "query_all", "render" } do
      over(function() return c[name](c, name == "after" and print or "x", "y") end)
    end
  end)
end)

describe("headers set early", function()
  it("come as lists, and go", function()
    local res = api:get "/headers"
    assert.equal("a, b", res.headers["x-list"])
    assert.same({ "7", "text/csv" }, { res.headers["x-number"], res.headers["content-type"] })
    assert.is_nil(res.headers["x-gone"])
  end)

  it("go out with whatever answer follows", function()
    for _, name in ipairs { "text", "nothing", "fail", "file", "stream", "redirect" } do
      local res = t:client():get("/early/" .. name)
      assert.equal("yes", res.headers["x-early"], name)
      assert.matches("^seen=1; Path=/; HttpOnly; SameSite=Lax$", res.headers["set-cookie"])
    end
    assert.equal("because", api:get("/early/fail").headers["x-why"])
    t.expect_fault()
    assert.equal("yes", t:client():get("/early/fault").headers["x-early"])
  end)

  it("give way to those that are returned, unless both hold", function()
    local res = api:get "/override"
    assert.equal("late", res.headers["x-a"])
    assert.equal("text/late", res.headers["content-type"])
    assert.equal("Origin, Accept", res.headers.vary)
  end)

  it("are checked where they are set", function()
    assert.matches("context_spec.lua:%d+: header 'X': a header's value may not hold control characters", fault_of "/bad-header/value")
    assert.matches("context_spec.lua:%d+: header 'X': its value must be a string, a number or a list of them, got a boolean",
      fault_of "/bad-header/kind")
    assert.matches("context_spec.lua:%d+: header 'X Y': a header's name may hold", fault_of "/bad-header/name")
    assert.matches("header 'Content-Length': this header is set by the server itself", fault_of "/bad-header/reserved", 1, true)
  end)
end)
