--- Middleware: order, what it sees and returns, and what it must not do.
local clock = require "rille.test.clock"
local rille = require "rille"

local function client_of(fill)
  local app = rille.app()
  fill(app)
  return rille.test(app):client()
end

describe("middleware", function()
  it("runs in the order app, mount, group, route, and back", function()
    local order = {}
    local function noted(name)
      return function(c, next)
        order[#order + 1] = name
        local res = next(c)
        order[#order + 1] = "/" .. name
        return res
      end
    end
    local api = client_of(function(app)
      app:use(noted "app", noted "app2")
      local inner = rille.app()
      inner:use(noted "inner")
      inner:group("/g", { use = { noted "group" } }):get("/r", { use = { noted "route" } }, function()
        order[#order + 1] = "handler"
        return "x"
      end)
      app:mount("/m", inner, { use = { noted "mount" } })
    end)
    assert.equal("x", api:get("/m/g/r").body)
    assert.equal("app app2 mount inner group route handler /route /group /inner /mount /app2 /app", table.concat(order, " "))
  end)

  it("gets the answer as the handler returned it, and bytes() on demand", function()
    local got
    local api = client_of(function(app)
      app:use(function(c, next)
        local res = next(c)
        got = { res.status, res.body.a, res.headers["X-A"], res:bytes(), res.body }
        res.status = 202
        res.headers["X-B"] = "b"
        return res
      end)
      app:get("/", function() return { a = 1 }, 201, { ["X-A"] = "a" } end)
    end)
    local res = api:get "/"
    assert.same({ 201, 1, "a", '{"a":1}', '{"a":1}' }, got)
    assert.same({ 202, "a", "b", '{"a":1}', "application/json" },
      { res.status, res.headers["x-a"], res.headers["x-b"], res.body, res.headers["content-type"] })
  end)

  it("short-circuits by not calling next, with a body or with none", function()
    local api = client_of(function(app)
      app:use(function(c, next)
        if c.query.stop == "1" then return "stopped", 403 end
        if c.query.stop == "2" then return "", 204 end
        if c.query.stop == "3" then return rille.file "LICENSE" end
        return next(c)
      end)
      app:get("/", function() return "went on" end)
    end)
    assert.same({ 403, "stopped" }, { api:get("/?stop=1").status, api:get("/?stop=1").body })
    assert.equal(204, api:get("/?stop=2").status)
    assert.matches("MIT", api:get("/?stop=3").body)
    assert.equal("went on", api:get("/").body)
  end)

  it("must return what next(c) gave: to forget it is a fault that says so", function()
    local api = client_of(function(app)
      app:use(function(c, next) return next(c) end)
      app:use(function(c, next) next(c) end)
      app:use(function(c, next) return next(c) end)
      app:get("/", function() return "x" end)
    end)
    local ok, why = pcall(function() local res = api:get "/" return res end)
    assert.is_false(ok)
    assert.matches("the middleware at spec/rille/compose_spec.lua:%d+ called next%(c%) and returned nothing: write `return next%(c%)`", why)
  end)

  it("must answer, or call next: to do neither is a fault that says so", function()
    local api = client_of(function(app)
      app:use(function(c) c.state.began = rille.now() end)
      app:get("/", function() return "never" end)
    end)
    local ok, why = pcall(function() local res = api:get "/" return res end)
    assert.is_false(ok)
    assert.matches("the middleware at spec/rille/compose_spec.lua:%d+ neither called next%(c%) nor returned an answer: "
      .. "write `return next%(c%)`, or return what is to be answered instead", why)
  end)

  it("gives next its context", function()
    local api = client_of(function(app)
      app:use(function(_, next) return next() end)
      app:get("/", function() return "x" end)
    end)
    local ok, why = pcall(function() local res = api:get "/" return res end)
    assert.is_false(ok)
    assert.matches("the middleware at spec/rille/compose_spec.lua:%d+ called next without its context: write `return next%(c%)`", why)
  end)

  it("may run the rest again when it failed, however deep", function()
    local count, entered = 0, 0
    local api = client_of(function(app)
      app:use(function(c, next)
        local ok, res = pcall(next, c)
        return ok and res or next(c)
      end)
      app:use(function(c, next)
        entered = entered + 1
        local res = next(c)
        if entered == 1 then error "not yet" end
        return res
      end)
      app:use(function(c, next) return next(c) end)
      app:get("/", function() count = count + 1 return "ran " .. count end)
    end)
    assert.equal("ran 2", api:get("/").body)
  end)

  it("runs the handler once: to call next(c) a second time is a fault that says so", function()
    local count = 0
    local api = client_of(function(app)
      app:use(function(c, next) return next(c) end)
      app:use(function(c, next)
        if next(c).status == 200 then return next(c) end
      end)
      app:use(function(c, next) return next(c) end)
      app:get("/", function() count = count + 1 return "ran" end)
    end)
    local ok, why = pcall(function() local res = api:get "/" return res end)
    assert.is_false(ok)
    assert.equal(1, count)
    assert.matches("the middleware at spec/rille/compose_spec.lua:%d+ called next%(c%) a second time, which would run the "
      .. "handler twice: keep what it gave, as in `local res = next%(c%)`", why)
  end)

  it("is shared by routes, and each has its own handler and answer", function()
    local api = client_of(function(app)
      local function braced(c, next)
        local res = next(c)
        res.body = "(" .. res.body .. ")"
        return res
      end
      app:use(braced, braced)
      for _, name in ipairs { "a", "b", "c" } do
        app:get("/" .. name, function() return name end)
        app:get("/own/" .. name, { use = { braced } }, function() return name end)
      end
    end)
    for _, name in ipairs { "a", "b", "c" } do
      assert.equal("((" .. name .. "))", api:get("/" .. name).body)
      assert.equal("(((" .. name .. ")))", api:get("/own/" .. name).body)
    end
  end)

  it("sees errors as errors", function()
    local seen
    local api = client_of(function(app)
      app:use(function(c, next)
        local ok, err = pcall(next, c)
        if ok then return err end
        seen = err.code
        error(err, 0)
      end)
      app:get("/", function(c) return c:fail(409, "taken") end)
      app:get("/nilerr", function() return nil, { code = "teapot", status = 418, message = "tea" } end)
      app:get("/file", function() return rille.file "no/such/file" end)
    end)
    assert.equal(409, api:get("/").status)
    assert.equal("conflict", seen)
    assert.equal(418, api:get("/nilerr").status)
    assert.equal("teapot", seen)
    assert.equal(404, api:get("/file").status)
    assert.equal("not_found", seen)
  end)

  it("adds headers to this answer alone, though the app returns one table for all", function()
    local HEADERS, PAGE = { ["X-All"] = "1" }, rille.html "<p>"
    local api = client_of(function(app)
      app:use(function(c, next)
        local res = next(c)
        if c.query.who then res.headers["Set-Cookie"] = "who=" .. c.query.who end
        return res
      end)
      app:get("/table", function() return "x", 200, HEADERS end)
      app:get("/page", function() return PAGE end)
      app:get("/page/created", function() return PAGE, 201 end)
    end)
    for _, path in ipairs { "/table", "/page" } do
      assert.equal("who=ada", api:get(path .. "?who=ada").headers["set-cookie"])
      assert.is_nil(api:get(path).headers["set-cookie"])
    end
    assert.equal(201, api:get("/page/created").status)
    assert.equal(200, api:get("/page").status)
    assert.same({ ["X-All"] = "1" }, HEADERS)
  end)

  it("makes nothing for a request beside the context and the answer", function()
    local app, steps = rille.app(), {}
    for i = 1, 10 do
      steps[i] = function(c, next) return next(c) end
    end
    app:use(unpack(steps))
    app:get("/many", function() return "x" end)
    local other = rille.app()
    other:use(steps[1])
    other:get("/one", function() return "x" end)
    local many, one = rille.test(app):client(), rille.test(other):client()
    local function garbage(client, path) -- the least of some rounds: what the compiler takes meanwhile counts as well
      local least = math.huge
      for _ = 1, 8 do
        collectgarbage()
        collectgarbage "stop"
        local before = collectgarbage "count"
        for _ = 1, 100 do client:get(path) end
        least = math.min(least, collectgarbage "count" - before)
        collectgarbage "restart"
      end
      return least * 1024 / 100
    end
    local difference = garbage(many, "/many") - garbage(one, "/one") -- a closure for each of nine is 360 bytes at least
    assert.is_true(difference < 200, ("%d bytes"):format(difference))
  end)
end)

describe("route options", function()
  it("bound a handler's time and body", function()
    clock.freeze()
    local api = client_of(function(app)
      app:get("/slow", { timeout = "5s" }, function() rille.sleep(10) end)
      app:get("/caught", { timeout = "5s" }, function()
        pcall(rille.sleep, 10)
        pcall(rille.sleep, 10)
        rille.sleep(10)
      end)
      app:post("/body", { max_body = "1K" }, function(c) return c:text() end)
    end)
    assert.same({ 504, "timeout" }, { api:get("/slow").status, api:get("/slow").json.error.code })
    assert.equal(504, api:get("/caught").status)
    assert.equal(413, api:post("/body", { body = ("x"):rep(1025) }).status)
    assert.equal(200, api:post("/body", { body = ("x"):rep(1024) }).status)
  end)
end)
