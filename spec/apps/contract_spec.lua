--- What an app's author relies on, rule by rule, through the whole stack: a reading list of
-- the face. The details are where each part is tested; what needs a socket or a log, in face_spec.
local clock = require "rille.test.clock"
local private = require "spec.rille.db.private"
local rille = require "rille"

local v = rille.schema

-- An app of one route that runs `handler`, and an answer to a GET of it (or what `ask(api)` asks).
local function client_of(write)
  local app = rille.app()
  write(app)
  local t = rille.test { app = app, isolation = false }
  return t:client(), t
end

local function answer_of(handler)
  return client_of(function(app) app:get("/", handler) end):get "/"
end

-- The words of the fault that `handler` ends in.
local function fault_of(handler, path)
  local api = client_of(function(app) app:get("/", handler) end)
  local ok, why = pcall(function() local res = api:get(path or "/") return res end)
  assert.is_false(ok, "it was answered")
  assert.matches("fault in GET / (spec/apps/contract_spec.lua:", why, 1, true)
  return why
end

local function faults(text, handler)
  assert.matches(text, fault_of(handler), 1, true)
end

describe("1. results", function()
  it("are body, status, headers", function()
    local res = answer_of(function() return "made", 201, { ["X-A"] = 7, Link = { "</a>", "</b>" } } end)
    assert.same({ 201, "made", "text/plain; charset=utf-8", "7", "</a>, </b>" },
      { res.status, res.body, res.headers["content-type"], res.headers["x-a"], res.headers.link })
  end)

  it("are a text, data, or nothing", function()
    assert.equal("text/plain; charset=utf-8", answer_of(function() return "" end).headers["content-type"])
    assert.equal("application/json", answer_of(function() return {} end).headers["content-type"])
    assert.equal("{}", answer_of(function() return {} end).body)
    assert.equal("[]", answer_of(function() return rille.array {} end).body)
    local none = answer_of(function() end)
    assert.same({ 204, "" }, { none.status, none.body })
    assert.is_nil(none.headers["content-length"])
  end)

  it("are an answer value, with a status of its own or another", function()
    assert.equal(200, answer_of(function() return rille.html "<p>" end).status)
    assert.equal(404, answer_of(function() return rille.html "<p>", 404 end).status)
    assert.equal(302, answer_of(function() return rille.redirect "/x" end).status)
    assert.equal(303, answer_of(function() return rille.redirect("/x", 303) end).status)
    assert.equal(410, answer_of(function() return rille.file "LICENSE", 410 end).status)
    assert.equal(202, answer_of(function() return rille.stream(function(out) out:write "x" end), 202 end).status)
  end)

  it("are a fault when they are a lone nil", function()
    faults("handler returned nil: return nothing for 204, or the answer", function() return nil end)
    faults("handler returned nil with a status", function() return nil, 404 end)
  end)

  it("raise err as nil, err", function()
    faults("the reason", function() return nil, "the reason" end)
    local res = answer_of(function() return nil, { code = "teapot", status = 418, message = "tea" } end)
    assert.same({ 418, "teapot" }, { res.status, res.json.error.code })
  end)

  it("are a fault with a status that is none, headers that are none, a body that is none", function()
    for _, status in ipairs { 99, 100, 600, 200.5, -1, 0 / 0, "200", true, {} } do
      assert.matches("status", fault_of(function() return "x", status end))
    end
    faults("handler returned a string as its headers", function() return "x", 200, "X-A: b" end)
    faults("header 'X-A'", function() return "x", 200, { ["X-A"] = "a\r\nX-B: c" } end)
    faults("handler returned a number: a body is a string or a table", function() return 42 end)
    faults("handler returned a boolean", function() return false end)
    faults("f: a function cannot be encoded", function() return { f = print } end)
    faults("a[1].b: NaN cannot be encoded", function() return { a = { { b = 0 / 0 } } } end)
  end)

  it("name the route and the handler's line, though a tail call hides it", function()
    local function helper() return nil end
    local function handler() return helper() end
    local line = debug.getinfo(handler, "S").linedefined
    local api = client_of(function(app)
      app:get("/users/:id", handler)
    end)
    local ok, why = pcall(function() local res = api:get "/users/7" return res end)
    assert.is_false(ok)
    assert.matches(("fault in GET /users/:id (spec/apps/contract_spec.lua:%d): "):format(line), why, 1, true)
  end)

  it("are one value of each framework call, so that `return call()` cannot be misread", function()
    local calls = {
      any = function() return rille.any { function() return "a" end } end,
      all = function() return rille.all { function() return "a" end } end,
      trim = function() return rille.trim " a " end,
      encode = function() return rille.json.encode { 1 } end,
      random = function() return rille.random(4) end,
      form = function(c) return c:form() end,
      validate = function(c) return c:validate(v.object({}, { unknown = "keep" })) end,
      query_all = function(c) return c:query_all "a" end,
      text = function(c) return c:text() end,
      url_for = function(c) return c:url_for "it" end,
      params = function(c) return c.params end,
      query = function(c) return c.query end,
      body = function(c) return c.body end,
    }
    for name, call in pairs(calls) do
      local count
      local api = client_of(function(app)
        app:post("/", { name = "it" }, function(c) count = select("#", call(c)) end)
      end)
      api:post("/?a=1", { form = { a = 1 } })
      assert.equal(1, count, name)
    end
  end)
end)

describe("2. middleware", function()
  local function pass(c, next) return next(c) end

  it("is run in the order app, group, route, and sees what the handler returned", function()
    local order = {}
    local function noted(name)
      return function(c, next)
        order[#order + 1] = name
        local res = next(c)
        order[#order + 1] = ("%s %d %s"):format(name, res.status, type(res.body))
        res.headers["X-" .. name] = "seen"
        return res
      end
    end
    local api = client_of(function(app)
      app:use(noted "App")
      app:group("/g", { use = { noted "Group" } }):get("/", { use = { noted "Route" } }, function() return { a = 1 }, 201 end)
    end)
    local res = api:get "/g"
    assert.same({ "App", "Group", "Route", "Route 201 table", "Group 201 table", "App 201 table" }, order)
    assert.same({ "seen", "seen", "seen" }, { res.headers["x-app"], res.headers["x-group"], res.headers["x-route"] })
  end)

  it("encodes the body once, when it is asked for", function()
    local first, second
    local api = client_of(function(app)
      app:use(function(c, next)
        local res = next(c)
        first, second = res:bytes(), res:bytes()
        return res
      end)
      app:get("/", function() return { a = 1 } end)
    end)
    assert.equal('{"a":1}', api:get("/").body)
    assert.same({ '{"a":1}', '{"a":1}' }, { first, second })
  end)

  it("short-circuits by not calling next", function()
    local api = client_of(function(app)
      app:use(function() return "closed", 503 end)
      app:get("/", function() error "never" end)
    end)
    assert.equal(503, api:get("/").status)
  end)

  it("lets errors through as errors", function()
    local seen
    local api = client_of(function(app)
      app:use(function(c, next)
        local ok, res = pcall(next, c)
        seen = not ok and res.code
        if not ok then error(res, 0) end
        return res
      end)
      app:get("/", function(c) c:fail(409, "taken") end)
    end)
    assert.equal(409, api:get("/").status)
    assert.equal("conflict", seen)
  end)

  it("is a mistake behind a route of its group, at boot", function()
    local app = rille.app()
    app:get("/", function() end)
    local ok, why = pcall(app.use, app, pass)
    assert.is_false(ok)
    assert.matches("use comes before the group's first route, which is at spec/apps/contract_spec.lua:", why, 1, true)
  end)

  it("is not needed to see every answer: app:on_response does", function()
    clock.freeze()
    local seen = {}
    local api, t = client_of(function(app)
      app:on_response(function(c, res)
        seen[#seen + 1] = ("%s %d"):format(c.method, res.status)
        res.headers["X-Seen"] = "yes"
      end)
      app:get("/", function() return "x" end)
      app:get("/fault", function() error "oh" end)
      app:get("/late", { timeout = 1 }, function() rille.sleep(5) end)
      app:post("/big", { max_body = 1 }, function(c) return c:text() end)
    end)
    t.expect_fault()
    local answers = {
      api:get "/", api:head "/", api:get "/nowhere", api:delete "/", api:options "/", api:get "/fault", api:get "/late",
      api:post("/big", { body = "xx" }), api:post("/nowhere", { body = ("x"):rep(9 * 1024 * 1024) }), api:get "/%zz",
    }
    for _, res in ipairs(answers) do assert.equal("yes", res.headers["x-seen"], tostring(res)) end
    assert.same({ "GET 200", "HEAD 200", "GET 404", "DELETE 405", "OPTIONS 204", "GET 500", "GET 504", "POST 413", "POST 413",
      "GET 400" }, seen)
  end)
end)

describe("3. errors", function()
  it("have one form in JSON", function()
    for _, how in ipairs { function(c) c:fail(409, "taken", { by = "ada" }) end, function() rille.fail(409, "taken", { by = "ada" }) end,
      function(c) c:fail(409, { message = "taken", details = { by = "ada" } }) end } do
      local res = answer_of(how)
      local err = res.json.error
      assert.same({ 409, "conflict", "taken", "ada" }, { res.status, err.code, err.message, err.details.by })
      assert.matches("^%x+$", err.request_id)
    end
  end)

  it("may have a code and headers of their own", function()
    local res = answer_of(function(c) c:fail(429, { code = "slow_down", message = "later", headers = { ["Retry-After"] = 5 } }) end)
    assert.same({ 429, "slow_down", "5" }, { res.status, res.json.error.code, res.headers["retry-after"] })
  end)

  it("are tables with code, status, message and a text", function()
    local err
    answer_of(function(c)
      local _
      _, err = pcall(c.fail, c, 404, "no such note")
    end)
    assert.same({ "not_found", 404, "no such note", "not_found: no such note" }, { err.code, err.status, err.message, tostring(err) })
  end)

  it("are called by their status", function()
    for status, code in pairs {
      [400] = "bad_request", [401] = "unauthenticated", [403] = "forbidden", [404] = "not_found", [409] = "conflict",
      [422] = "invalid", [503] = "overloaded", [504] = "timeout",
    } do
      assert.equal(code, answer_of(function(c) c:fail(status) end).json.error.code)
    end
  end)

  it("of the runtime have the status that fits", function()
    local res = answer_of(function() rille.timeout("1ms", rille.sleep, 5) end)
    assert.same({ 504, "timeout" }, { res.status, res.json.error.code })
  end)

  it("are answered by on_error, by code, by status, or all", function()
    local api = client_of(function(app)
      app:on_error("teapot", function(_, err) return "tea: " .. err.message end)
      app:on_error(404, function() return rille.html "<h1>none</h1>" end)
      app:on_error(function(c, err) if c.query.all then return { told = err.code } end end)
      app:get("/tea", function(c) c:fail(418, { code = "teapot", message = "short" }) end)
      app:get("/403", function(c) c:fail(403) end)
    end)
    assert.same({ 418, "tea: short" }, { api:get("/tea").status, api:get("/tea").body })
    assert.same({ 404, "<h1>none</h1>" }, { api:get("/nowhere").status, api:get("/nowhere").body })
    assert.same({ 403, "forbidden" }, { api:get("/403?all=1").status, api:get("/403?all=1").json.told })
    assert.equal("forbidden", api:get("/403").json.error.code)
  end)
end)

describe("4. inputs", function()
  it("are what c reads, and nothing else", function()
    faults("c has no 'parms': did you mean 'params'", function(c) return c.parms end)
    faults("c has no 'quux' (what a middleware wants to pass on goes into c.state)", function(c) return c.quux end)
    faults("c.user cannot be assigned: put your own values into c.state", function(c) c.user = "ada" end)
    assert.equal("ada", answer_of(function(c) c.state.user = "ada" return c.state.user end).body)
  end)

  it("are 404 in the path, 422 with all errors elsewhere", function()
    local api = client_of(function(app)
      app:post("/:id", {
        params = v.object { id = v.integer() }, query = v.object { page = v.integer() },
        body = v.object { items = v.array(v.object { qty = v.integer { min = 1 } }), name = v.string() },
      }, function(c) return { c.params.id, c.query.page, c.body.items[1].qty } end)
    end)
    assert.equal(404, api:post("/seven?page=1", { json = { items = {}, name = "x" } }).status)
    local res = api:post("/7?page=x", { json = { items = { { qty = 1 }, { qty = 1 }, { qty = 0 } } } })
    assert.equal(422, res.status)
    local wrong = {}
    for _, one in ipairs(res.json.error.details) do
      wrong[#wrong + 1] = ("%s %s %s"):format(one["in"], one.path, one.code)
      assert.is_string(one.message)
    end
    table.sort(wrong)
    assert.same({ "body items[2].qty min", "body name required", "query page type" }, wrong)
    assert.same({ 7, 2, 3 }, api:post("/7?page=2", { json = { items = { { qty = 3 } }, name = "x" } }).json)
  end)

  it("are 400 when they are no JSON, 415 when they are something else", function()
    local api = client_of(function(app) app:post("/", { body = v.object {} }, function() return "x" end) end)
    assert.equal(400, api:post("/", { body = "{", headers = { ["content-type"] = "application/json" } }).status)
    assert.equal(415, api:post("/", { body = "{}", headers = { ["content-type"] = "text/plain" } }).status)
  end)

  it("are one text a query field, and a list if asked", function()
    local api = client_of(function(app)
      app:get("/", function(c) return { first = c.query.a, all = c:query_all "a", none = c:query_all "b", nothing = c.query.b == nil } end)
    end)
    assert.same({ first = "1", all = { "1", "2" }, none = {}, nothing = true }, api:get("/?a=1&a=2").json)
  end)

  it("have header names in lower case, and the raw body as often as wanted", function()
    local api = client_of(function(app)
      app:post("/", function(c) return { c.headers["x-odd"], c:text(), c:text(), c:json().a, c.body.a } end)
    end)
    assert.same({ "Case", '{"a":1}', '{"a":1}', 1, 1 }, api:post("/", { json = { a = 1 }, headers = { ["X-ODD"] = "Case" } }).json)
  end)

  it("are over with the request", function()
    local kept
    answer_of(function(c) kept = c end)
    for _, use in ipairs { function() return kept.params end, function() return kept.state end, function() return kept.log end,
      function() return kept.body end, function() kept:set_header("A", "b") end, function() local all = kept:query_all "a" return all end,
      function() local page = kept:render "x" return page end, function() local path = kept:url_for "x" return path end,
      function() kept:after(print) end } do
      local ok, why = pcall(use)
      assert.is_false(ok)
      assert.matches("^spec/apps/contract_spec.lua:%d+: request is over: pass c.params.id to the task", tostring(why))
    end
  end)
end)

describe("5. NULL, and what rows are", function()
  local db, stop

  setup(function()
    db, stop = private.start { exclusive = 4 }
  end)
  teardown(function() stop() end)

  it("reads as nil, and is null in JSON, in the order of the columns", function()
    local res = answer_of(function() return db:one "select 1 as z, null as a, 'x' as m" end)
    assert.equal('{"z":1,"a":null,"m":"x"}', res.body)
    assert.is_true(db:one("select null as a").a == nil)
  end)

  it("is told from a column that is not there", function()
    faults('no column "nmae" in this row: it has name', function() return db:one("select 'x' as name").nmae end)
  end)

  it("is written as nil or rille.null, every argument counted", function()
    local row = db:one("select $1::int as a, $2::text as b, $3::int as c", nil, rille.null, nil)
    assert.same({ nil, nil, nil }, { row.a, row.b, row.c })
    local ok, err = pcall(db.one, db, "select $1::int as a, $2::int as b", 1)
    assert.is_false(ok)
    assert.matches("the statement has 2 values as $1, $2, …, and was given 1", tostring(err), 1, true)
  end)

  it("makes empty results and arrays []", function()
    assert.equal("[]", answer_of(function() return db:query "select 1 as a where false" end).body)
    assert.equal('{"a":[],"b":{},"c":null}',
      answer_of(function() return db:one "select '{}'::int[] as a, '{}'::jsonb as b, null as c" end).body)
  end)

  it("takes a table as a value only with a word of what it is", function()
    local ok, why = pcall(db.one, db, "select $1::jsonb as a", { a = 1 })
    assert.is_false(ok)
    assert.matches("rille.jsonb", tostring(why), 1, true)
    assert.equal(2, db:one("select array_length($1::int[], 1) as n", rille.array { 1, 2 }).n)
    assert.equal("1", db:one("select $1::jsonb ->> 'a' as a", rille.jsonb { a = 1 }).a)
  end)

  it("tells what is there already as 409, and has the error's facts", function()
    db:exec "create table names (name text constraint one_of_a_name unique)"
    db:exec "insert into names values ('ada')"
    local err
    local res = client_of(function(app)
      app:on_error("db.23505", function(_, caught) err = caught end)
      app:get("/", function() db:exec "insert into names values ('ada')" end)
    end):get "/"
    assert.same({ 409, "db.23505", "one_of_a_name" }, { res.status, res.json.error.code, err.constraint })
  end)

  it("tells that no connection became free as 503", function()
    local narrow, close = private.start { exclusive = 1, acquire_timeout = 0.01 }
    finally(close)
    local function hold()
      narrow:hold(function() rille.sleep(60) end)
    end
    local holder
    private.eventually(function()
      if not holder or holder:done() then holder = rille.spawn(pcall, hold) end
      return narrow:stats().in_use == 1
    end)
    assert.equal(503, answer_of(function() return narrow:with { lane = "exclusive" }:one "select 1 as a" end).status)
    holder:cancel()
  end)

  it("never changes an integer silently, and names its column", function()
    local ok, why = pcall(db.one, db, "select 9007199254740993 as big")
    assert.is_false(ok)
    assert.matches("big", tostring(why), 1, true)
    assert.equal("9007199254740993", db:one("select 9007199254740993::text as big").big)
  end)

  it("has times in UTC, as ISO text with six digits", function()
    assert.equal("2024-01-02T01:04:05.600000Z", db:one("select '2024-01-02 03:04:05.6+02'::timestamptz as at").at)
  end)
end)

describe("6. durations and sizes", function()
  it("are numbers of seconds and bytes, or say their unit", function()
    clock.freeze()
    for _, duration in ipairs { 90, "90s", "1.5m", "90000ms" } do
      local before = rille.now()
      rille.sleep(duration)
      assert.near(90, rille.now() - before, 0.01)
      local _, why = rille.spawn(rille.sleep, "2h"):await(duration)
      assert.equal("timeout", why)
      assert.near(180, rille.now() - before, 0.01)
    end
    for _, limit in ipairs { 2048, "2K", "2048B" } do
      local api = client_of(function(app) app:post("/", { max_body = limit }, function(c) return #c:text() .. "" end) end)
      assert.equal(200, api:post("/", { body = ("x"):rep(2048) }).status)
      assert.equal(413, api:post("/", { body = ("x"):rep(2049) }).status)
    end
  end)
end)

describe("7. cancelling", function()
  it("raises at the wait and at every later one, whatever catches it", function()
    clock.freeze()
    local codes = {}
    local res = client_of(function(app)
      app:get("/", { timeout = "5ms" }, function()
        for i = 1, 3 do
          local _, err = pcall(rille.sleep, 5)
          codes[i] = err.code
        end
        return "swallowed"
      end)
    end):get "/"
    assert.same({ "timeout", "timeout", "timeout" }, codes)
    assert.equal(200, res.status)
  end)

  it("runs what was deferred, and leaves alone what is shielded", function()
    local order = {}
    local task = rille.spawn(function()
      rille.defer(function() order[#order + 1] = "deferred" end)
      rille.shield(function()
        rille.sleep "5ms"
        order[#order + 1] = "shielded"
      end)
      rille.sleep(0)
      order[#order + 1] = "never"
    end)
    rille.sleep(0)
    task:cancel()
    pcall(task.await, task)
    assert.same({ "shielded", "deferred" }, order)
  end)
end)

describe("8. tasks", function()
  it("end with their request; what is after it or in the background goes on", function()
    local order = {}
    local api, t = client_of(function(app)
      app:get("/", function(c)
        rille.spawn(function()
          rille.defer(function() order[#order + 1] = "task ended" end)
          rille.sleep(5)
          order[#order + 1] = "never"
        end)
        c:after(function(id) order[#order + 1] = "after " .. id end, 7)
        rille.background(function(id)
          rille.sleep "5ms"
          order[#order + 1] = "background " .. id
        end, 8)
        rille.sleep(0)
        return "x"
      end)
    end)
    t.expect_leak()
    assert.equal("x", api:get("/").body)
    private.eventually(function() return #order == 3 end)
    table.sort(order)
    assert.same({ "after 7", "background 8", "task ended" }, order)
  end)
end)

describe("10. generators", function()
  it("may wait", function()
    local res = answer_of(function()
      local list = rille.array {}
      for i in coroutine.wrap(function()
        for i = 1, 3 do
          rille.sleep(0)
          coroutine.yield(i)
        end
      end) do
        list[#list + 1] = i
      end
      return list
    end)
    assert.equal("[1,2,3]", res.body)
  end)
end)
