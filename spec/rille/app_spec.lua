--- An app: mounts, names, errors, and hooks around every answer.
local rille = require "rille"

local function built_fails(text, app)
  local ok, why = pcall(rille.test, app)
  assert.is_false(ok)
  assert.matches(text, tostring(why))
end

describe("a clash of routes", function()
  it("names both lines", function()
    local app = rille.app()
    app:get("/users/:id", function() end)
    app:get("/users/:name", function() end)
    built_fails("app_spec.lua:14 is taken already: GET /users/:id at spec/rille/app_spec.lua:13", app)
  end)

  it("is one of names, too", function()
    local app = rille.app()
    app:get("/a", { name = "same" }, function() end)
    app:get("/b", { name = "same" }, function() end)
    built_fails("two routes are named 'same': spec/rille/app_spec.lua:20 and spec/rille/app_spec.lua:21", app)
  end)

  it("is none when a bag is mounted twice", function()
    local app, bag = rille.app(), rille.routes()
    bag:get("/x", { name = "x" }, function(c) return c:url_for "x" end)
    app:mount("/v1", bag)
    app:mount("/v2", bag, { name = "two" })
    local api = rille.test(app):client()
    assert.equal("/v1/x", api:get("/v2/x").body)
    assert.equal("/v2/x", app:url_for "two.x")
  end)

  it("is a mount into itself", function()
    local app = rille.app()
    app:mount("/a", app)
    built_fails("app_spec.lua:37: an app is mounted into itself", app)
  end)
end)

describe("app:url_for", function()
  local app = rille.app()
  local admin = rille.app()
  admin:get("/users/:id", { name = "user" }, function(c) return c:url_for("user", { id = c.params.id }) end)
  app:get("/files/*rest", { name = "file" }, function() end)
  app:mount("/admin", admin, { name = "admin" })
  local api = rille.test(app):client()

  it("knows names with those of their mounts, and the prefix", function()
    assert.equal("/admin/users/7", app:url_for("admin.user", { id = 7 }))
    assert.equal("/admin/users/a%20b%2Fc", api:get("/admin/users/a%20b%2Fc").body)
    assert.equal("/files/a%20b/c?x=1&y=a%26b&y=2", app:url_for("file", { rest = "a b/c" }, { x = 1, y = { "a&b", 2 } }))
  end)

  local function fails(text, ...)
    local ok, why = pcall(app.url_for, app, ...)
    assert.is_false(ok)
    assert.matches(text, why, 1, true)
  end

  it("says what the pattern has not, unless it is a row that has more", function()
    fails("url_for('admin.user'): /admin/users/:id has no parameter 'ids', did you mean 'id'?; the query's fields",
      "admin.user", { id = 7, ids = 8 })
    fails("/files/*rest has no parameter 'page'; the query's fields are the third argument", "file", { rest = "a", page = 2 })
    assert.equal("/admin/users/7", app:url_for("admin.user", setmetatable({ id = 7, name = "Ada" }, {})))
  end)

  it("says what is missing", function()
    fails("there is no route named 'user'", "user")
    fails("url_for('file'): the parameter 'rest' of /files/*rest is missing", "file")
    fails("the parameter 'rest'", "file", { rest = "" })
  end)
end)

describe("on_error", function()
  local function app_with(...)
    local app = rille.app()
    app:on_error(...)
    app:get("/missing", function(c) return c:fail(404, "no") end)
    app:get("/fault", function() error "boom" end)
    return app, rille.test(app)
  end

  it("answers those of its code or status, and misses", function()
    local _, t = app_with("not_found", function(c, err) return "gone: " .. err.message .. c.path end)
    local res = t:client():get "/missing"
    assert.same({ 404, "gone: no/missing" }, { res.status, res.body })
    res = t:client():get "/nowhere"
    assert.same({ 404, "gone: there is nothing here/nowhere" }, { res.status, res.body })
    local _, u = app_with(404, function() return rille.html "<p>", 410 end)
    assert.equal(410, u:client():get("/missing").status)
  end)

  it("knows an error by its own code also where others see a fault", function()
    local app, seen = rille.app(), {}
    app:on_error("db.42P01", function(_, err) return { error = err.code }, 503 end)
    app:on_error("db.40001", function(_, err) seen[#seen + 1] = err.code end)
    app:on_error("internal", function(_, err) seen[#seen + 1] = err.code return "hidden", 500 end)
    app:get("/:code", function(c) error { code = c.params.code, status = 500, message = "the text of the statement" } end)
    local t = rille.test(app)
    local res = t:client():get "/db.42P01"
    assert.same({ 503, '{"error":"db.42P01"}' }, { res.status, res.body })
    t.expect_fault()
    assert.equal("hidden", t:client():get("/db.40001").body)
    assert.same({ "db.40001", "internal" }, seen)
  end)

  it("keeps the error's status with a page, a file and data", function()
    for _, body in ipairs { rille.html "<p>", rille.file "README.md", { a = 1 } } do
      local _, t = app_with(function() return body end)
      local res = t:client():get "/missing"
      assert.equal(404, res.status)
      assert.is_true(#res.body > 0)
      t.expect_fault()
      assert.equal(500, t:client():get("/fault").status)
    end
  end)

  it("passes on what it returns nothing for", function()
    local app = rille.app()
    app:on_error(function() end)
    app:on_error(function() return nil end)
    app:on_error(function(_, err) return "third " .. err.code, 418 end)
    app:get("/", function(c) return c:fail(409) end)
    assert.equal("third conflict", rille.test(app):client():get("/").body)
  end)

  it("may fail itself: with another error, or a fault", function()
    local _, t = app_with("not_found", function(c) return c:fail(403, "not yours") end)
    local res = t:client():get "/missing"
    assert.same({ 403, "not yours" }, { res.status, res.json.error.message })
    local _, u = app_with(function() error "again" end)
    u.expect_fault()
    res = u:client():get "/missing"
    assert.same({ 500, "internal" }, { res.status, res.json.error.code })
  end)

  it("of a mounted app comes first, for its misses too", function()
    local app, inner = rille.app(), rille.app()
    app:on_error(function(_, err) return "outer " .. err.code end)
    inner:on_error("not_found", function() return "inner" end)
    inner:get("/", function(c) return c:fail(404) end)
    inner:get("/conflict", function(c) return c:fail(409) end)
    app:mount("/in", inner)
    local api = rille.test(app):client()
    assert.equal("inner", api:get("/in").body)
    assert.equal("inner", api:get("/in/nowhere").body)
    assert.equal("outer conflict", api:get("/in/conflict").body)
    assert.equal("outer not_found", api:get("/inside").body)
    assert.equal("outer method_not_allowed", api:post("/in").body)
  end)

  it("says what it takes", function()
    local app = rille.app()
    local function refused(text, call)
      local ok, why = pcall(call)
      assert.is_false(ok)
      assert.matches("^spec/rille/app_spec.lua:%d+: ", why)
      assert.matches(text, why, 1, true)
    end
    refused("app:on_error([code,] function(c, err)): got a table", function() app:on_error {} end)
    refused("the code is a text or a status, got a table", function() app:on_error({}, print) end)
    refused("app:on_response(function(c, res)): got a nil", function() app:on_response() end)
    refused("app:on_start(function()): got a number", function() app:on_start(7) end)
    refused("app:on_stop(function()): got a number", function() app:on_stop(7) end)
  end)
end)

describe("on_response", function()
  it("sees every answer once, with the status that is sent", function()
    local app, seen = rille.app(), {}
    app:on_response(function(c, res)
      seen[#seen + 1] = c.method .. " " .. res.status
      c:set_header("X-Seen", "yes")
      res.headers["X-Res"] = "yes"
    end)
    app:get("/", function() return "x" end)
    app:get("/fault", function() error "boom" end)
    app:get("/none", function() return rille.file "does/not/exist" end)
    app:get("/file", function() return rille.file "README.md" end)
    app:get("/stream", function() return rille.stream(function(out) out:write "s" end), 201 end)
    app:post("/big", { max_body = 2 }, function(c) return c:text() end)
    local t = rille.test(app)
    local api = t:client()
    t.expect_fault()
    local function expect(res)
      assert.equal("yes", res.headers["x-seen"])
      assert.equal("yes", res.headers["x-res"])
      assert.equal(res.method .. " " .. res.status, seen[#seen])
    end
    expect(api:get "/")
    expect(api:get "/nowhere")
    expect(api:delete "/")
    expect(api:options "/")
    expect(api:get "/fault")
    expect(api:get "/none")
    expect(api:get "/file")
    expect(api:head "/file")
    expect(api:get "/stream")
    expect(api:post("/big", { body = "xxx" }))
    assert.equal(10, #seen)
    assert.same({ "GET 200", "GET 404", "DELETE 405", "OPTIONS 204", "GET 500", "GET 404", "GET 200", "HEAD 200",
      "GET 201", "POST 413" }, seen)
  end)

  it("of a mounted app sees its own, before the outer one", function()
    local app, inner, order = rille.app(), rille.app(), {}
    app:on_response(function() order[#order + 1] = "outer" end)
    inner:on_response(function() order[#order + 1] = "inner" end)
    inner:get("/x", function() return "x" end)
    app:mount("/in", inner)
    app:get("/y", function() return "y" end)
    local api = rille.test(app):client()
    api:get "/in/x"
    api:get "/y"
    api:get "/in/z"
    assert.same({ "inner", "outer", "outer", "inner", "outer" }, order)
  end)

  it("that fails turns the answer into a fault, and the others still run", function()
    local app, others = rille.app(), 0
    app:on_response(function() error "hook" end)
    app:on_response(function() others = others + 1 end)
    app:get("/", function() return "x" end)
    local t = rille.test(app)
    t.expect_fault()
    local res = t:client():get "/"
    assert.same({ 500, "internal", 1 }, { res.status, res.json.error.code, others })
  end)
end)
