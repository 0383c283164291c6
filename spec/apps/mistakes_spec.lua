--- The mistakes of a first day with Rille, and of years with something else: each is told, with
-- what to write instead.
local rille = require "rille"
local v, db = rille.schema, rille.db

-- What is said of an app that `fill` writes: when it is loaded, or by the answer to a request, which
-- is a fault unless the request has options.
local function said_of(fill, method, path, options)
  local ok, said = pcall(function()
    local app = rille.app()
    fill(app)
    local t = rille.test(app)
    if not options then
      t.expect_fault()
    end
    local client = t:client()
    local res = client[method](client, path, options)
    assert(res.status >= 400, "nothing: " .. res.body)
    return res.json.error.message
  end)
  return ok and said or tostring(said)
end

local function handler(fn)
  return function(app) app:any("/", fn) end
end

-- name, what is said, the app (or its only handler), method, path, options
local LOADING = {
  { "app:listen", "app has no 'listen': the file ends with `return app`", function(app) app:listen(3000) end },
  { "app:pots", "app has no 'pots': did you mean 'post'?", function(app) app:pots("/", print) end },
  { "app:GET", "app has no 'GET': did you mean 'get'?", function(app) app:GET("/", print) end },
  { "app:all", "app has no 'all': app:any(path, handler) takes every method", function(app) app:all("/", print) end },
  { "app:head", "app has no 'head': the GET route answers HEAD", function(app) app:head("/", print) end },
  { "app:before_filter", "write app:use(function(c, next)", function(app) app:before_filter(print) end },
  { "app:error", "write app:on_error(", function(app) app:error(404, print) end },
  { "group:gte", "group has no 'gte': did you mean 'get'?", function(app) app:group("/g"):gte("/", print) end },
  { "options last", "the options come before the handler", function(app) app:get("/", print, { name = "x" }) end },
  { "two handlers", "a middleware of the route is one of its options, { use = { fn } }", function(app) app:get("/", print, print) end },
  { "use with a path", "write app:group(path, { use = { fn, … } })", function(app) app:use("/admin", print) end },
  { "use with a list", "app:use(fn, fn)", function(app) app:use { print } end },
  { "rille.mw.cors uncalled", "rille.mw.cors makes a middleware: call it", function(app) app:use(rille.mw.cors) end },
  { "rille.mw.timeout uncalled", "rille.mw.timeout makes a middleware", function(app) app:get("/", { use = { rille.mw.timeout } }, print) end },
  { "group with a function", "it returns the group: local g = app:group(prefix)", function(app) app:group("/g", print) end },
  { "mount of a name", 'write require "routes.notes"', function(app) app:mount("/notes", "routes.notes") end },
  { "mount, turned round", "a mount's prefix begins with '/': got a table", function(app) app:mount(rille.routes(), "/notes") end },
  { "timeout in ms", 'whose unit is missing: "200s", "200ms", or the number 200', function(app) app:get("/", { timeout = "200" }, print) end },
  { "max_body above the setting", "100G is more than the setting max_body, 8388608 bytes",
    function(app) app:post("/", { max_body = "100G" }, print) end },
  { "body_limit above the setting", "9000000 bytes is more than the setting max_body", function() rille.mw.body_limit(9e6) end },
  { "params of another path", "its schema of params has 'nid', which is no parameter of the path: it has :id",
    function(app) app:get("/notes/:id", { params = v.object { nid = v.integer() } }, print) end },
  { "params of no path", "has 'id', which is no parameter of the path: it has none",
    function(app) app:get("/notes", { params = v.object { id = v.integer() } }, print) end },
  { "params that lack the mount's", "its schema of params lacks the path's parameter 'tenant': add it", function(app)
    local bag = rille.routes()
    bag:get("/:id", { params = v.object { id = v.integer() } }, print)
    app:mount("/t/:tenant", bag)
  end },
  { "schema:optonal", "a schema has no 'optonal': did you mean 'optional'?", function() v.string():optonal() end },
  { "schema:required", "a field is required unless it is :optional()", function() v.string():required() end },
  { "schema:length", "bounds are options: v.string { min = 1", function() v.string():length(1) end },
}

local REQUESTS = {
  { "c.next", "c has no 'next': a middleware is given it", function(c) return c:next() end },
  { "c:status", "c has no 'status': the status is returned behind the body", function(c) return c:status(404) end },
  { "c:JSON", "c has no 'JSON': did you mean 'json'?", function(c) return c:JSON(200, {}) end },
  { "c:redirect", "return rille.redirect(url)", function(c) return c:redirect "/" end },
  { "c:send", "an answer is returned: return body, status, headers", function(c) c:send "x" end },
  { "c.request", "c is the request: c.method", function(c) return c.request.path end },
  { "c.user =", "c.user cannot be assigned: put your own values into c.state", function(c) c.user = 1 end },
  { "c:json(t)", "to answer with JSON, return the table", function(c) return c:json { a = 1 } end },
  { "c:text(s)", "to answer with a text, return it", function(c) return c:text "x" end },
  { "c.query(name)", "c.query is a table: write c.query.page", function(c) return c.query("page") end },
  { "c:query(name)", "c.query is a table: write c.query.page", function(c) return c:query("page") end },
  { "c.params(name)", "c.params is a table: write c.params.id", function(c) return c.params("id") end },
  { "c:headers(name)", 'c.headers is a table: write c.headers["user-agent"]', function(c) return c:headers("User-Agent") end },
  { "c.headers.x =", 'c:set_header("X-A", value) sets a header of the answer', function(c) c.headers["X-A"] = "1" end },
  { "c.fail, not called", "handler returned a function, not what it returns: call it", function(c) return c.fail end },
  { "rille:fail", "rille.fail(status, message) with a dot", function() rille:fail(404) end },
  { "c:validate of a table", "c:validate takes a schema", function(c) return c:validate { a = 1 } end },
  { "a number alone", "a status stands behind it: return body, status", function() return 404 end },
  { "a fourth value", "handler returned more than three values: return body, status, headers", function() return "x", 200, {}, "text/plain" end },
  { "the status first", "handler returned a table as the status", function() return 404, {} end },
  { "error{ status }", 'a table was raised that is no error: {"status":404}. Write c:fail(404, message)', function() error { status = 404 } end },
  { "the settings as JSON", "settings cannot be encoded", function() return rille.config end },
  { "c as JSON", "c is the request, which cannot be encoded", function(c) return c end },
  { "db:qurey", "db has no 'qurey': did you mean 'query'?", function() db:qurey "select 1" end },
  { "db:find", "db:query(sql, …) gives all rows", function() db:find(1) end },
  { "db:begin", "db:transaction(function() … end)", function() db:begin() end },
  { "rille.log()", "the log is written by level", function() rille.log "x" end },
  { "rille.log.warning", "the log has no 'warning': did you mean 'warn'?", function() rille.log.warning "x" end },
  { "rille.log:info", "the log is written with a dot: log.info(message, fields)", function() rille.log:info "x" end },
  { "c.log.info with two texts", "a table of facts, as in { order = 7 }: got a string", function(c) c.log.info("x", "y") end },
  { "out:write of two", "out:write takes one string: join them", function() return rille.stream(function(out) out:write("a", "b") end) end },
  { "out:send", "out has no 'send': write out:write(text)", function() return rille.stream(function(out) out:send "a" end) end },
}

local MIDDLEWARE = {
  { "res.stauts", "res has no 'stauts': did you mean 'status'?", function(c, next) return next(c).stauts end },
  { "res.stauts =", "res has no 'stauts'", function(c, next) next(c).stauts = 404 end },
  { "res.statusCode", "res has no 'statusCode': it is res.status", function(c, next) return next(c).statusCode end },
  { "next, twice", "called next(c) a second time", function(c, next) next(c) return next(c) end },
  { "a fourth value", "handler returned more than three values", function(_, next) return "x", 200, {}, next end },
  { "next, never", "neither called next(c) nor returned an answer", function() end },
}

describe("a mistake", function()
  for _, one in ipairs(LOADING) do
    it("in loading is told: " .. one[1], function()
      assert.truthy(said_of(one[3], "get", "/"):find(one[2], 1, true), said_of(one[3], "get", "/"))
    end)
  end

  for _, one in ipairs(REQUESTS) do
    it("in a handler is told: " .. one[1], function()
      local said = said_of(handler(one[3]), "get", "/")
      assert.truthy(said:find(one[2], 1, true), said)
    end)
  end

  for _, one in ipairs(MIDDLEWARE) do
    it("in a middleware is told: " .. one[1], function()
      local said = said_of(function(app)
        app:use(one[3])
        app:get("/", function() return "x" end)
      end, "get", "/")
      assert.truthy(said:find(one[2], 1, true), said)
    end)
  end

  it("in on_error and on_response is told", function()
    local said = said_of(function(app)
      app:on_response(function() return "other" end)
      app:get("/", function() return "x" end)
    end, "get", "/")
    assert.matches("on_response returned an answer, which nobody asks for", said)
    assert.matches("app:on_error%(function%(c, err%)", said_of(function(app)
      app:on_error(function(err) return err.message end)
      app:get("/", function() error "x" end)
    end, "get", "/"))
  end)

  it("in sending a body is told to who sent it", function()
    local read = handler(function(c) return c.body.title end)
    assert.equal("this wants a body: send one, with its Content-Type", said_of(read, "post", "/", {}))
    assert.equal("this wants a body: send one, with its Content-Type", said_of(read, "get", "/", {}))
    assert.matches("this wants a form, and got JSON that is called one", said_of(read, "post", "/", {
      body = '{"title":"tea"}', headers = { ["content-type"] = "application/x-www-form-urlencoded" },
    }))
  end)

  it("in a spec is told", function()
    local app = rille.app()
    app:get("/", function() return "x", 200, { ["X-Tea"] = "green" } end)
    local t = rille.test(app)
    local client = t:client()
    local res = client:get "/"
    assert.equal("green", res.headers["X-Tea"])
    for said, fn in pairs {
      ["t has no 'craete': did you mean 'create'?"] = function() t.craete "user" end,
      ["a client has no 'fetch': did you mean 'patch'?"] = function() client:fetch "/" end,
      ["the answer has no 'stauts': did you mean 'status'?"] = function() return res.stauts end,
    } do
      local _, why = pcall(fn)
      assert.truthy(why:find(said, 1, true), why)
    end
  end)
end)

describe("a name that a task, a channel or a lock does not have", function()
  it("is told, with the one that was meant", function()
    local task, ch = rille.spawn(function() end), rille.channel(1)
    task:await()
    for said, fn in pairs {
      ["a task has no 'wait': task:await([timeout]) waits for its end"] = function() task:wait() end,
      ["a channel has no 'receive': ch:recv([timeout]) receives"] = function() ch:receive() end,
      ["a channel has no 'tyr_send': did you mean 'try_send'?"] = function() ch:tyr_send(1) end,
      ["a mutex has no 'lokc': did you mean 'lock'?"] = function() rille.mutex():lokc() end,
      ["a semaphore has no 'aquire': did you mean 'acquire'?"] = function() rille.semaphore(1):aquire() end,
      ["a pool has no 'sumbit': did you mean 'submit'?"] = function() rille.pool():sumbit(print) end,
    } do
      local _, why = pcall(fn)
      assert.truthy(why:find(said, 1, true), why)
    end
  end)
end)

describe("what could be a mistake", function()
  it("is none where it is clear what is meant: a header's case", function()
    local app = rille.app()
    app:use(function(c, next)
      local res = next(c)
      res.headers["x-tea"] = res.headers["X-TEA"] .. "+" .. c.headers["User-Agent"]
      return res
    end)
    app:get("/", function() return "x", 200, { ["X-Tea"] = "green" } end)
    assert.equal("green+spec", rille.test(app):client():get("/", { headers = { ["user-agent"] = "spec" } }).headers["x-tea"])
  end)
end)
