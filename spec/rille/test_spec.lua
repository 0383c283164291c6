--- rille.test: an app that is written here, and what a spec may do with it.
local rille = require "rille"

local app = rille.app()
local payments = require "rille.test.stub"

local seen = {}

app:on_response(function(_, res)
  seen[#seen + 1] = res.status
end)

app:get("/", function() return "Hello" end)
app:get("/query", function(c) return { first = c.query.a, all = c:query_all "a" } end)
app:get("/headers", function(c) return { host = c.headers.host, token = c.headers["x-token"], ip = c.ip } end)
app:post("/echo", function(c) return c:json(), 201, { location = "/echo/1" } end)
app:post("/text", function(c) return c:text() end)
app:get("/boom", function() error "oh no" end)
app:get("/late", function() rille.sleep "5ms" return { late = true } end)
app:get("/bytes/:n", function(c) return ("x"):rep(tonumber(c.params.n)) end)
app:get("/stream", function()
  return rille.stream(function(out)
    for i = 1, 3 do
      out:write(("%d,"):format(i))
      rille.sleep "1ms"
    end
  end)
end)
app:get("/login", function(c) c:set_cookie("who", "me & you") return "ok" end)
app:get("/who", function(c) return c.cookies.who or "nobody" end)
app:get("/logout", function(c) c:set_cookie("who", nil) end)
app:get("/form", function()
  return rille.html [[<form action="submit?page=2" method="post">
    <input type="hidden" name="token" value="a&amp;b"><input name="qty" value="1"></form>]]
end)
app:post("/submit", function(c)
  local fields = c:form()
  return { fields = fields, page = c.query.page }
end)
app:post("/upload", function(c)
  local fields = c:form()
  return { name = fields.photo.filename, type = fields.photo.content_type, body = fields.photo.body, title = fields.title }
end)
app:get("/background", function()
  rille.background(function() rille.sleep(1000) end)
end)
app:post("/pay", function()
  return payments.answer("payments", { method = "POST", path = "/charges", body = "{}" }).status
end)

local t = rille.test(app)

describe("a client", function()
  it("sends a request the whole way and reads the answer", function()
    local res = t:client():get "/"
    assert.equal(200, res.status)
    assert.equal("Hello", res.body)
    assert.equal("text/plain; charset=utf-8", res.headers["content-type"])
    assert.equal(200, seen[#seen])
  end)

  it("sends query, headers and JSON", function()
    local api = t:client{ headers = { ["X-Token"] = "secret" } }
    assert.same({ first = "1 2", all = { "1 2" } }, api:get("/query", { query = { a = "1 2" } }).json)
    assert.same({ first = "x", all = { "x", "y" } }, api:get("/query?a=x", { query = { a = "y" } }).json)
    assert.same({ host = "localhost", token = "secret", ip = "127.0.0.1" }, api:get("/headers").json)
    assert.equal("other", api:get("/headers", { headers = { ["x-token"] = "other" } }).json.token)
    local res = api:post("/echo", { json = { 1, { k = "v" } } })
    assert.same({ 201, "/echo/1" }, { res.status, res.headers.location })
    assert.same({ 1, { k = "v" } }, res.json)
    assert.equal("raw", api:post("/text", { body = "raw" }).body)
  end)

  it("waits for handlers that wait, several at once", function()
    local api = t:client()
    local got = rille.all {
      a = function() return api:get "/late".json.late end,
      b = function() return api:get "/late".json.late end,
    }
    assert.same({ a = true, b = true }, got)
  end)

  it("reads long answers, chunked ones, and answers without a body", function()
    local api = t:client()
    assert.equal(3000000, #api:get("/bytes/3000000").body)
    assert.equal("1,2,3,", api:get("/stream").body)
    local head = api:head "/bytes/30"
    assert.same({ 200, "", "30" }, { head.status, head.body, head.headers["content-length"] })
    assert.equal(204, api:get("/logout").status)
  end)

  it("gets what no route took, too", function()
    local api = t:client()
    local missing = api:get "/nothing"
    assert.same({ 404, "not_found" }, { missing.status, missing.json.error.code })
    assert.equal(404, seen[#seen])
    local wrong = api:delete "/"
    assert.equal(405, wrong.status)
    assert.matches("GET", wrong.headers.allow)
  end)

  it("keeps cookies between calls, each client its own", function()
    local api, other = t:client(), t:client()
    api:get "/login"
    assert.equal("me & you", api:get("/who").body)
    assert.equal("nobody", other:get("/who").body)
    api:get "/logout"
    assert.equal("nobody", api:get("/who").body)
  end)

  it("fills in and sends the form of a page", function()
    local api = t:client()
    local page = api:get "/form"
    assert.same({ fields = { token = "a&b", qty = "3" }, page = "2" }, api:submit(page, { qty = 3 }).json)
    assert.same({ qty = "1" }, api:submit(page, { token = false }).json.fields)
    local ok, why = pcall(function() local res = api:submit(page, { count = 3 }) return res end)
    assert.is_false(ok)
    assert.matches("^spec/rille/test_spec.lua:%d+: the form has no field 'count': it has token, qty$", why)
  end)

  it("sends files as multipart", function()
    local res = t:client():post("/upload", {
      form = { title = "A" }, files = { photo = { filename = "a.png", content_type = "image/png", body = "\0\1--" } },
    })
    assert.same({ name = "a.png", type = "image/png", body = "\0\1--", title = "A" }, res.json)
  end)

  it("shows the body of an answer that is no JSON", function()
    local res = t:client():get "/"
    local ok, why = pcall(function() return res.json.a end)
    assert.is_false(ok)
    assert.matches("is not JSON", why, 1, true)
    assert.matches("content-type text/plain; charset=utf-8, body:\nHello", why, 1, true)
  end)

  it("says what is wrong with a call", function()
    local api = t:client()
    local function fails(text, fn)
      local ok, why = pcall(fn)
      assert.is_false(ok)
      assert.matches(text, why, 1, true)
      assert.matches("^spec/rille/test_spec.lua:%d+: ", why)
    end
    fails("a path begins with '/'", function() local res = api:get "users" return res end)
    fails("a request has no option 'jsn'", function() local res = api:post("/echo", { jsn = {} }) return res end)
    fails("a request has one body", function() local res = api:post("/echo", { json = {}, body = "" }) return res end)
    fails("t:client has no option 'cookies'", function() local cl = t:client{ cookies = {} } return cl end)
    fails("say first what it means to this app", function() local cl = t:client{ as = {} } return cl end)
    fails("called with a colon", function() local cl = t.client {} return cl end)
    fails("rille.test has no option 'dir'", function() local other = rille.test{ dir = "x" } return other end)
    fails("there is no app in 'apps/nothing'", function() local other = rille.test "apps/nothing" return other end)
    fails("a duration is a number of seconds", function() t.clock.advance "soon" end)
  end)

  it("logs in as the spec says", function()
    function t.as(client, user) client.headers["x-token"] = user.name end
    assert.equal("Ada", t:client{ as = { name = "Ada" } }:get("/headers").json.token)
    t.as = nil
  end)
end)

describe("a fault", function()
  it("fails the example, with its own words and trace", function()
    local ok, why = pcall(function() local res = t:client():get "/boom" return res end)
    assert.is_false(ok)
    assert.matches("^spec/rille/test_spec.lua:%d+: GET /boom was answered 500", why)
    assert.matches("fault in GET /boom (spec/rille/test_spec.lua:", why, 1, true)
    assert.matches("oh no\n.*>%s+%d+  app:get%(\"/boom\", function%(%) error.*\nstack traceback:", why)
  end)

  it("may be what the example is about", function()
    t.expect_fault()
    assert.equal(500, t:client():get("/boom").status)
  end)
end)

describe("several apps", function()
  it("are served side by side", function()
    local other = rille.app()
    other:get("/", function() return "other" end)
    local u = rille.test(other)
    assert.equal("other", u:client():get("/").body)
    assert.equal("Hello", t:client():get("/").body)
    assert.equal(404, u:client():get("/late").status)
  end)

  it("let a middleware be tested alone", function()
    local small, order = rille.app(), {}
    small:use(function(c, next)
      order[#order + 1] = c.path
      local res = next(c)
      res.headers["x-late"] = "yes"
      return res
    end)
    small:get("/", function() return nil, { code = "conflict", status = 409, message = "no", is_public = true } end)
    small:get("/fine", function() return "fine" end)
    local api = rille.test(small):client()
    assert.equal("yes", api:get("/fine").headers["x-late"])
    assert.equal(409, api:get("/").status)
    assert.same({ "/fine", "/" }, order)
  end)
end)

describe("t", function()
  it("finds the app that the path mirrors", function()
    local place = require "rille.test.place"
    assert.equal("apps/shop", place.of "spec/apps/shop_spec.lua")
    assert.equal("./apps/shop", place.of "./spec/apps/shop/cart_spec.lua")
    local dir, tried = place.of "spec/rille/test_spec.lua"
    assert.is_nil(dir)
    assert.equal("./app.lua, rille/test/app.lua, rille/app.lua", tried)
  end)

  it("loads an app's folder, and its modules", function()
    local hello = rille.test "apps/hello"
    assert.equal("Hello, World!", hello:client():get("/").body)
    assert.equal("module", type(hello.require "rille") == "table" and "module")
  end)

  it("makes what a factory makes", function()
    t.factory("user", function(fields) return { name = fields.name or "Ada", age = 36 } end)
    assert.same({ name = "Ada", age = 36 }, t.create "user")
    assert.same({ name = "Bob", age = 36 }, t.create("user", { name = "Bob" }))
    local ok, why = pcall(t.create, "order")
    assert.is_false(ok)
    assert.matches('there is no factory "order": there are user. spec/factories.lua defines them', why, 1, true)
  end)

  it("answers outgoing calls by stubs, and names the one that is missing", function()
    t.expect_fault()
    assert.equal(500, t:client():post("/pay").status)
    local charges = t.stub("payments", "POST /charges", { status = 201, json = { id = "ch_1" } })
    local answer = payments.answer("payments", { method = "POST", path = "/charges", body = "{}" })
    assert.same({ 201, '{"id":"ch_1"}', "application/json" }, { answer.status, answer.body, answer.headers["content-type"] })
    assert.equal(1, #charges.calls)
    local _, why = pcall(payments.answer, "payments", { method = "GET", path = "/charges/1" })
    assert.matches('t.stub("payments", "GET /charges/1", answer) answers it. Stubbed are:\n  payments: POST /charges', why, 1, true)
  end)

  it("forgets an example's stubs with the example", function()
    assert.has_error(function() payments.answer("payments", { method = "POST", path = "/charges" }) end)
  end)

  it("ends what an example's requests left running", function()
    assert.equal(204, t:client():get("/background").status) -- else this file would take 1,000 seconds
  end)
end)
