--- Which route a request leads to, as an app's author sees it: apps as lists of routes, and
-- requests with what comes of them. spec/core/http/router_test.c asks the router itself.
local rille = require "rille"

-- A handler that answers with its own line, and its parameters by name.
local function says(line)
  return function(c)
    local words, names = { line }, {}
    for name in pairs(c.params) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do words[#words + 1] = ("%s=%s"):format(name, c.params[name]) end
    return table.concat(words, " ")
  end
end

-- Routes "GET /a", "ANY /b", … of a bag, a group or an app.
local function add(bag, ...)
  for _, line in ipairs { ... } do
    local verb, path = line:match "^(%u+) (.*)$"
    bag[verb:lower()](bag, path, says(line))
  end
  return bag
end

local function app_of(...)
  return add(rille.app(), ...)
end

local function told(res)
  if res.status == 405 or (res.method == "OPTIONS" and res.status == 204) then
    return res.status .. " " .. res.headers.allow
  end
  return res.status == 200 and res.method ~= "HEAD" and res.body or tostring(res.status)
end

-- `cases`: lines of "METHOD /path => what comes of it", the route's line alone where there is no parameter.
local function answers(title, app, cases)
  describe(title, function()
    local api
    setup(function() api = rille.test { app = app, isolation = false }:client() end)
    for verb, path, expected in cases:gmatch "(%u+) (%S+) => ([^\n]*)\n" do
      it(("%s %s => %s"):format(verb, path, expected), function()
        assert.equal(expected, told(api[verb:lower()](api, path)))
      end)
    end
  end)
end

answers("a fixed path", app_of("GET /", "GET /users", "GET /users/new", "GET /a-b_c.d~e", "GET /dir/", "GET /both", "GET /both/",
  "GET /x//y", "GET /Case", "GET /a=b&c,d;e", "GET /@me", "GET /q+r", "GET /deep/er/and/deep/er"), [[
  GET / => GET /
  GET /users => GET /users
  GET /users/new => GET /users/new
  GET /a-b_c.d~e => GET /a-b_c.d~e
  GET /deep/er/and/deep/er => GET /deep/er/and/deep/er
  GET /deep/er/and/deep => 404
  GET /deep/er/and/deep/er/st => 404
  GET /user => 404
  GET /userss => 404
  GET /users/ne => 404
  GET /users/news => 404
  GET /new => 404
  GET /users?page=2 => GET /users
  GET /users?a=/b/c => GET /users
  GET /? => GET /
  GET /users/ => 404
  GET /dir/ => GET /dir/
  GET /dir => 404
  GET /both => GET /both
  GET /both/ => GET /both/
  GET /both// => 404
  GET /users// => 404
  GET // => 404
  GET //users => 404
  GET /x//y => GET /x//y
  GET /x/y => 404
  GET /x///y => 404
  GET /Case => GET /Case
  GET /case => 404
  GET /CASE => 404
  GET /Users => 404
  GET /a=b&c,d;e => GET /a=b&c,d;e
  GET /@me => GET /@me
  GET /%40me => GET /@me
  GET /q+r => GET /q+r
  GET /q%2Br => GET /q+r
  GET /q%20r => 404
]])

answers("a parameter", app_of("GET /users/:id", "GET /users/:id/posts", "GET /users/:user/posts/:post", "GET /:a/:b/:c/:d",
  "GET /under_/:_x1"), [[
  GET /users/7 => GET /users/:id id=7
  GET /users/ada => GET /users/:id id=ada
  GET /users/a.b => GET /users/:id id=a.b
  GET /users/... => GET /users/:id id=...
  GET /users/a:b => GET /users/:id id=a:b
  GET /users/:id => GET /users/:id id=:id
  GET /users/*id => GET /users/:id id=*id
  GET /users/a+b => GET /users/:id id=a+b
  GET /users/a%20b => GET /users/:id id=a b
  GET /users/a%2Fb => GET /users/:id id=a/b
  GET /users/a%2fb/posts => GET /users/:id/posts id=a/b
  GET /users/%25 => GET /users/:id id=%
  GET /users/%2541 => GET /users/:id id=%41
  GET /users/a%3Fb => GET /users/:id id=a?b
  GET /users/a%23b => GET /users/:id id=a#b
  GET /users/a;b=c => GET /users/:id id=a;b=c
  GET /users/caf%C3%A9 => GET /users/:id id=café
  GET /users/%E2%82%AC => GET /users/:id id=€
  GET /users/%F0%9F%8D%B5 => GET /users/:id id=🍵
  GET /users/7?x=8 => GET /users/:id id=7
  GET /users/ => 404
  GET /users => 404
  GET /users/7/ => 404
  GET /users//posts => 404
  GET /users/7/posts => GET /users/:id/posts id=7
  GET /users/7/posts/ => 404
  GET /users/7/posts/8 => GET /users/:user/posts/:post post=8 user=7
  GET /users/7/posts/8/9 => 404
  GET /users/7/other => 404
  GET /users/7/other/8 => GET /:a/:b/:c/:d a=users b=7 c=other d=8
  GET /1/2/3/4 => GET /:a/:b/:c/:d a=1 b=2 c=3 d=4
  GET /1/2/3 => 404
  GET /1/2//4 => 404
  GET /under_/x => GET /under_/:_x1 _x1=x
]])

answers("text around a parameter", app_of("GET /v:version/status", "GET /export/:name.json", "GET /export/:name",
  "GET /export/report-:year.json", "GET /export/all.json", "GET /@:handle", "GET /t/:a-t"), [[
  GET /v1/status => GET /v:version/status version=1
  GET /v1.2/status => GET /v:version/status version=1.2
  GET /v/status => 404
  GET /%761/status => GET /v:version/status version=1
  GET /export/a.json => GET /export/:name.json name=a
  GET /export/a%2Ejson => GET /export/:name.json name=a
  GET /export/a.json.json => GET /export/:name.json name=a.json
  GET /export/.json => GET /export/:name name=.json
  GET /export/a.xml => GET /export/:name name=a.xml
  GET /export/report-2024.json => GET /export/report-:year.json year=2024
  GET /export/report-.json => GET /export/:name.json name=report-
  GET /export/all.json => GET /export/all.json
  GET /@ada => GET /@:handle handle=ada
  GET /@ => 404
  GET /t/x-t => GET /t/:a-t a=x
  GET /t/x => 404
]])

answers("a wildcard", app_of("GET /files/*path", "GET /files/readme", "GET /files/:name/info", "POST /up/*to", "GET /a/:b/*rest"), [[
  GET /files/a => GET /files/*path path=a
  GET /files/a/b/c => GET /files/*path path=a/b/c
  GET /files/ => GET /files/*path path=
  GET /files => 404
  GET /files/a/ => GET /files/*path path=a/
  GET /files/a//b => GET /files/*path path=a//b
  GET /files// => GET /files/*path path=/
  GET /files/a%20b/c%2Fd => GET /files/*path path=a b/c/d
  GET /files/readme => GET /files/readme
  GET /files/readme/ => GET /files/*path path=readme/
  GET /files/readme/more => GET /files/*path path=readme/more
  GET /files/x/info => GET /files/:name/info name=x
  GET /files/readme/info => GET /files/:name/info name=readme
  GET /files/x/info/ => GET /files/*path path=x/info/
  GET /files/x/y/info => GET /files/*path path=x/y/info
  GET /files/*path => GET /files/*path path=*path
  GET /filesx => 404
  GET /a/1/ => GET /a/:b/*rest b=1 rest=
  GET /a/1/2/3 => GET /a/:b/*rest b=1 rest=2/3
  GET /a/1 => 404
  GET /a//x => 404
  GET /up/x => 405 POST, OPTIONS
  POST /up/x/y => POST /up/*to to=x/y
]])

answers("what is fixed before a parameter before a wildcard, in any order", app_of("GET /*rest", "GET /:one", "GET /:one/:two",
  "GET /a/:two", "GET /:one/b", "GET /a/b", "GET /a/b/c/d", "GET /a/:x/c/e", "GET /:y/b/c/f", "GET /a/*more"), [[
  GET /a/b => GET /a/b
  GET /a/x => GET /a/:two two=x
  GET /x/b => GET /:one/b one=x
  GET /x/y => GET /:one/:two one=x two=y
  GET /x => GET /:one one=x
  GET /a => GET /:one one=a
  GET / => GET /*rest rest=
  GET /a/ => GET /a/*more more=
  GET /x/ => GET /*rest rest=x/
  GET /a/b/c/d => GET /a/b/c/d
  GET /a/b/c/e => GET /a/:x/c/e x=b
  GET /a/b/c/f => GET /a/*more more=b/c/f
  GET /x/b/c/f => GET /:y/b/c/f y=x
  GET /a/b/c/g => GET /a/*more more=b/c/g
  GET /x/b/c/g => GET /*rest rest=x/b/c/g
  GET /a/b/ => GET /a/*more more=b/
]])

answers("a path as it may not come", app_of("GET /*rest", "GET /users/:id", "GET /public/x"), [[
  GET /users/. => 400
  GET /users/.. => 400
  GET /users/../public/x => 400
  GET /./public/x => 400
  GET /users/%2e => 400
  GET /users/%2E%2e => 400
  GET /users/.%2e/x => 400
  GET /users/..%2f..%2fetc => GET /users/:id id=../../etc
  GET /users/.hidden => GET /users/:id id=.hidden
  GET /users/a\b => 400
  GET /users/a%5Cb => 400
  GET /users/a%00b => 400
  GET /users/% => 400
  GET /users/%2 => 400
  GET /users/%zz => 400
  GET /users/%u0041 => 400
  GET /users/%FF => 400
  GET /users/%C3 => 400
  GET /users/%C0%AF => 400
  GET /users/%ED%A0%80 => 400
  GET /users/%09 => GET /users/:id id=]] .. "\t" .. [[

  POST /users/.. => 400
  OPTIONS /users/%zz => 400
]])

answers("a path in other letters", app_of("GET /café", "GET /日本/:city", "GET /sp ace", "GET /tea/🍵", "GET /abc"), [[
  GET /caf%C3%A9 => GET /café
  GET /caf%c3%a9 => GET /café
  GET /%63af%C3%A9 => GET /café
  GET /cafe%CC%81 => 404
  GET /caf%C3%89 => 404
  GET /%E6%97%A5%E6%9C%AC/%E6%9D%B1%E4%BA%AC => GET /日本/:city city=東京
  GET /sp%20ace => GET /sp ace
  GET /sp+ace => 404
  GET /tea/%F0%9F%8D%B5 => GET /tea/🍵
  GET /%61bc => GET /abc
  GET /%61%62%63 => GET /abc
  GET /%2561bc => 404
  GET /abc%20 => 404
  GET /%20abc => 404
  GET /abc%2F => 404
  GET /%2Fabc => 404
]])

answers("a method", app_of("GET /users", "POST /users", "GET /users/:id", "DELETE /users/:id", "GET /users/new", "PUT /put", "PATCH /patch",
  "ANY /any", "PUT /any", "POST /mix/fixed", "GET /mix/:id", "PUT /mix/*rest", "ANY /api/*rest", "GET /api/users"), [[
  GET /users => GET /users
  POST /users => POST /users
  HEAD /users => 200
  HEAD /users/7 => 200
  HEAD /nothing => 404
  HEAD /put => 405 PUT, OPTIONS
  PUT /users => 405 GET, HEAD, POST, OPTIONS
  DELETE /users => 405 GET, HEAD, POST, OPTIONS
  OPTIONS /users => 204 GET, HEAD, POST, OPTIONS
  OPTIONS /users/7 => 204 GET, HEAD, DELETE, OPTIONS
  OPTIONS /put => 204 PUT, OPTIONS
  OPTIONS /nothing => 404
  POST /nothing => 404
  PATCH /patch => PATCH /patch
  GET /patch => 405 PATCH, OPTIONS
  DELETE /users/7 => DELETE /users/:id id=7
  DELETE /users/new => DELETE /users/:id id=new
  PATCH /users/new => 405 GET, HEAD, DELETE, OPTIONS
  OPTIONS /users/new => 204 GET, HEAD, DELETE, OPTIONS
  POST /mix/fixed => POST /mix/fixed
  GET /mix/fixed => GET /mix/:id id=fixed
  PUT /mix/fixed => PUT /mix/*rest rest=fixed
  DELETE /mix/fixed => 405 GET, HEAD, POST, PUT, OPTIONS
  POST /mix/other => 405 GET, HEAD, PUT, OPTIONS
  POST /mix/a/b => 405 PUT, OPTIONS
  GET /any => ANY /any
  POST /any => ANY /any
  DELETE /any => ANY /any
  PUT /any => PUT /any
  HEAD /any => 200
  OPTIONS /any => ANY /any
  GET /api/users => GET /api/users
  HEAD /api/users => 200
  POST /api/users => ANY /api/*rest rest=users
  PATCH /api/ => ANY /api/*rest rest=
  PATCH /api => 404
]])

local function nested()
  local app, admin, users, posts = rille.app(), rille.app(), rille.routes(), rille.routes()
  add(posts, "GET /", "POST /", "GET /:post", "GET /new", "GET /*rest")
  add(users, "GET /", "GET /:id")
  users:mount("/:user/posts", posts)
  add(admin, "GET /", "GET /health")
  admin:mount("/users", users)
  admin:mount("/all", users)
  add(app:group "/v1", "GET /", "GET /ping"):group("/deep/:deep"):group("/er"):get("/:x", says "GET deep")
  app:mount("/v1/users", users)
  app:mount("/admin", admin)
  app:mount("/t/:tenant", admin)
  app:mount("", add(rille.routes(), "GET /root", "GET /"))
  app:mount("/slash/", add(rille.routes(), "GET /", "GET /x", "GET /x/"))
  app:group("/"):get("/in-slash", says "GET /in-slash")
  app:static("/assets", "spec/apps/face")
  return app
end

answers("groups and mounts", nested(), [[
  GET / => GET /
  GET /root => GET /root
  GET /v1 => GET /
  GET /v1/ => 404
  GET /v1/ping => GET /ping
  GET /v1/deep/1/er/2 => GET deep deep=1 x=2
  GET /v1/deep/1/er => 404
  GET /v1/users => GET /
  GET /v1/users/7 => GET /:id id=7
  GET /v1/users/7/posts => GET / user=7
  POST /v1/users/7/posts => POST / user=7
  PUT /v1/users/7/posts => 405 GET, HEAD, POST, OPTIONS
  GET /v1/users/7/posts/8 => GET /:post post=8 user=7
  GET /v1/users/7/posts/new => GET /new user=7
  GET /v1/users/7/posts/ => GET /*rest rest= user=7
  GET /v1/users/7/posts/a/b => GET /*rest rest=a/b user=7
  GET /admin => GET /
  GET /admin/ => 404
  GET /admin/health => GET /health
  GET /admin/users/7/posts/8 => GET /:post post=8 user=7
  GET /admin/all/7 => GET /:id id=7
  GET /t/acme => GET / tenant=acme
  GET /t/acme/users/7/posts => GET / tenant=acme user=7
  GET /t//users => 404
  GET /slash/ => GET /
  GET /slash => 404
  GET /slash/x => GET /x
  GET /slash/x/ => GET /x/
  GET /in-slash => GET /in-slash
  GET /assets/note.txt => the outer note
  GET /assets/none.txt => 404
  GET /assets/ => 404
  GET /assets => 404
  POST /assets/note.txt => 405 GET, HEAD, OPTIONS
]])

-- Registering: `write(app)` fails at the start, with all of `texts` in what it says.
local function refused(what, write, ...)
  local texts = { ... }
  it("refuses " .. what, function()
    local app = rille.app()
    local ok, why = pcall(function()
      write(app)
      rille.test { app = app, isolation = false }
    end)
    assert.is_false(ok, "it was taken")
    for _, text in ipairs(texts) do assert.matches(text, why, 1, true) end
    assert.matches("routing_spec.lua:%d+", why)
  end)
end

local function taken(...)
  local lines = { ... }
  it("takes " .. table.concat(lines, " beside "), function()
    rille.test { app = app_of(unpack(lines)), isolation = false }
  end)
end

local function handler() return "x" end

local function clashing(first, second, reason)
  refused(("%s beside %s"):format(second, first), function(app) add(app, first, second) end, reason or
    "is taken already: " .. first)
end

local function path_of(path, text)
  refused(path, function(app) app:get(path, handler) end, text)
end

describe("what can never be told apart", function()
  clashing("GET /", "GET /")
  clashing("GET /a", "GET /a")
  clashing("GET /a/b/c", "GET /a/b/c")
  clashing("GET /a/", "GET /a/")
  clashing("ANY /a", "ANY /a")
  clashing("GET /:id", "GET /:name")
  clashing("GET /a/:x/b", "GET /a/:y/b")
  clashing("GET /:a/:b", "GET /:b/:a")
  clashing("GET /*rest", "GET /*path")
  clashing("GET /a/*rest", "GET /a/*path")
  clashing("GET /:name.json", "GET /:file.json")
  clashing("GET /v:major", "GET /v:minor")
  clashing("GET /café/:x", "GET /café/:y")
  refused("a group's route beside the app's", function(app)
    app:group("/a"):get("/b", handler)
    app:get("/a/b", handler)
  end, "GET /a/b at ", "is taken already: GET /a/b at ")
  refused("two groups of one prefix", function(app)
    app:group("/a"):get("/:x", handler)
    app:group("/a"):get("/:y", handler)
  end, "GET /a/:y at ", "is taken already: GET /a/:x at ")
  refused("a group's / beside its prefix", function(app)
    app:group("/a"):get("/", handler)
    app:get("/a", handler)
  end, "GET /a at ", "is taken already: GET /a at ")
  refused("a bag mounted twice at one place, and names the mounts", function(app)
    local bag = add(rille.routes(), "GET /x")
    app:mount("/a", bag)
    app:mount("/a", bag)
  end, "GET /a/x at spec/apps/routing_spec.lua:", " (mounted at spec/apps/routing_spec.lua:")
  refused("an app's route beside that of a mounted one", function(app)
    app:mount("/a", add(rille.app(), "GET /:x"))
    app:get("/a/:y", handler)
  end, "is taken already: GET /a/:x at spec/apps/routing_spec.lua:", "(mounted at ")
  refused("two folders at one prefix", function(app)
    app:static("/a", "spec")
    app:static("/a", "lua")
  end, "is taken already: GET /a/*file at ")
  refused("one name for two paths", function(app)
    app:get("/a", { name = "it" }, handler) app:get("/b", { name = "it" }, handler)
  end, "two routes are named 'it'")
end)

describe("what can be told apart", function()
  taken("GET /a", "POST /a", "PUT /a", "PATCH /a", "DELETE /a", "ANY /a")
  taken("GET /a", "GET /a/", "GET /A", "GET //a", "GET /a//")
  taken("GET /:x", "POST /:y", "ANY /:z")
  taken("GET /a/:x", "GET /a/:y/b")
  taken("GET /a/:x", "GET /a/*y", "GET /a/b", "GET /*all", "GET /:a/:b")
  taken("GET /:x.json", "GET /:y.xml", "GET /:z", "GET /v:w", "GET /v:w.json")
  taken("GET /café", "GET /cafe")
  taken("GET /:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/*p")
  taken("GET /wiki/Lua_(language)", "GET /a[1]", "GET /tel:number", "GET /c++")
end)

describe("what is no path", function()
  path_of("", "begins with '/': got \"\"")
  path_of("a", "write \"/a\"")
  path_of("*", "write \"/*path\"")
  path_of("/:", "has a parameter without a name")
  path_of("/:/b", "has a parameter without a name")
  path_of("/:7", "has a parameter without a name")
  path_of("/a/*", "has a wildcard without a name: write *path")
  path_of("/**", "has a wildcard without a name")
  path_of("/*path/edit", "has a wildcard that is not at its end")
  path_of("/*path/", "has a wildcard that is not at its end")
  path_of("/*a/*b", "has a wildcard that is not at its end")
  path_of("/a*path", "has text around a wildcard")
  path_of("/:id/b/:id", "has two parameters of the same name")
  path_of("/:id/*id", "has two parameters of the same name")
  path_of("/:from-:to", "has more than one parameter in a segment")
  path_of("/a/{id}", "a parameter is written :id")
  path_of("/<int:id>", "a parameter is written :id")
  path_of("/[id]", "a parameter is written :id")
  path_of("/:id(%d+)", "says the route's option `params`")
  path_of("/:id([0-9]+)", "says the route's option `params`")
  path_of("/a/:id?", "write a route for each of the two paths")
  path_of("/:path+", "*path at the end takes the rest")
  path_of("/a?b=1", "never part of a path")
  path_of("/a#b", "never part of a path")
  path_of("/caf%C3%A9", "patterns are written decoded")
  path_of("/a/../b", "can never match")
  path_of("/.", "can never match")
  path_of("/a\\b", "can never match")
  path_of("/\255", "can never match")
  path_of("/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/:q", "has too many parameters")
  path_of("/" .. ("x"):rep(256), "has a segment that is too long")
  refused("a parameter that its group has already", function(app)
    app:group("/users/:id"):get("/posts/:id", handler)
  end, 'the path "/users/:id/posts/:id" at ', "has two parameters of the same name")
  refused("a path behind its mount's wildcard", function(app)
    app:mount("/files/*path", add(rille.routes(), "GET /edit"))
  end, 'the path "/files/*path/edit" at ', "(mounted at ", "has a wildcard that is not at its end")
  refused("a bag inside of itself", function(app)
    local bag, other = rille.routes(), rille.routes()
    bag:mount("/b", other)
    other:mount("/a", bag)
    app:mount("/", bag)
  end, "a bag of routes is mounted into itself")
end)

describe("an app that serves", function()
  it("takes nothing more, and says so where it was asked", function()
    local app, bag, inner = rille.app(), rille.routes(), rille.app()
    local group = app:group "/g"
    app:mount("/b", bag)
    app:mount("/i", inner)
    rille.test { app = app, isolation = false }
    local function pass(c, next) return next(c) end
    for call, late in pairs {
      ["app:get"] = function() app:get("/late", handler) end, ["app:any"] = function() group:any("/late", handler) end,
      ["app:post"] = function() bag:post("/late", handler) end, ["app:put"] = function() inner:put("/late", handler) end,
      ["app:use"] = function() app:use(pass) end, ["app:group"] = function() bag:group "/late" end,
      ["app:mount"] = function() app:mount("/late", rille.routes()) end,
      ["app:on_error"] = function() app:on_error(404, handler) end, ["app:on_response"] = function() inner:on_response(handler) end,
      ["app:on_start"] = function() app:on_start(handler) end, ["app:on_stop"] = function() app:on_stop(handler) end,
    } do
      local ok, why = pcall(late)
      assert.is_false(ok, call)
      local line = debug.getinfo(late, "S").linedefined
      assert.equal(("spec/apps/routing_spec.lua:%d: %s: the app serves already. What it consists of is written while its app.lua runs")
        :format(line, call), why)
    end
  end)
end)

-- The rules once more, as plainly as they can be said: every route is tried, and the best of those that
-- fit is the one whose segments, from the left, are fixed, parameters with more text around them,
-- parameters, wildcards. The router, which walks a tree, must agree.
describe("the router agrees with a plain reading of the rules", function()
  local METHODS = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" }
  local PATTERNS = { "a", "b", "ab", "", ":", ":", "a:", ":.b", "a:.b", "*" }
  local SEGMENTS = { "a", "b", "ab", "", "a.b", "ab.b", "%61", "c", "%2F" }

  local function one_of(list) return list[math.random(#list)] end

  local function decoded(segment)
    return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
  end

  local function random_route()
    local route = { verb = one_of { "GET", "GET", "POST", "PUT", "ANY" }, segments = {} }
    local path = ""
    for i = 1, math.random(4) do
      local pattern = one_of(PATTERNS)
      local before, kind, after = pattern:match "^([^:*]*)([:*]?)(.*)$"
      route.segments[i] = { kind = kind, before = before, after = after, name = "p" .. i }
      path = path .. "/" .. before .. kind .. (kind ~= "" and "p" .. i or "") .. after
      if kind == "*" then break end
    end
    route.path = path
    return route
  end

  -- What the route takes of the path's segments, or nil.
  local function params_of(route, parts)
    local params = {}
    for i, segment in ipairs(route.segments) do
      local part = parts[i]
      if not part then return nil end
      local text = decoded(part)
      if segment.kind == "*" then
        params[#params + 1] = segment.name .. "=" .. decoded(table.concat(parts, "/", i))
        return params
      elseif segment.kind == "" then
        if text ~= segment.before then return nil end
      else
        local around = #segment.before + #segment.after
        if #text <= around or text:sub(1, #segment.before) ~= segment.before
          or text:sub(#text - #segment.after + 1) ~= segment.after then
          return nil
        end
        params[#params + 1] = segment.name .. "=" .. text:sub(#segment.before + 1, #text - #segment.after)
      end
    end
    return #parts == #route.segments and params or nil
  end

  local function rank(segment)
    if segment.kind == "" then return 0 end
    return segment.kind == "*" and 1000 or 500 - 10 * (#segment.before + #segment.after) - #segment.before
  end

  local function is_better(route, other)
    for i, segment in ipairs(route.segments) do
      local mine, its = rank(segment), rank(other.segments[i])
      if mine ~= its then return mine < its end
    end
    return route.verb ~= "ANY" and other.verb == "ANY"
  end

  local function expected(routes, method, parts)
    local best, best_params, met = nil, nil, {}
    for _, route in ipairs(routes) do
      local params = params_of(route, parts)
      if params then
        for _, verb in ipairs(METHODS) do met[verb] = met[verb] or route.verb == "ANY" or route.verb == verb end
        local answers_it = route.verb == "ANY" or route.verb == method or (method == "HEAD" and route.verb == "GET")
        if answers_it and (not best or is_better(route, best)) then best, best_params = route, params end
      end
    end
    if best then
      return method == "HEAD" and "200" or table.concat({ best.verb .. " " .. best.path, unpack(best_params) }, " ")
    elseif not next(met) then
      return "404"
    end
    met.HEAD, met.OPTIONS = met.HEAD or met.GET, true
    local allow = {}
    for _, verb in ipairs(METHODS) do allow[#allow + 1] = met[verb] and verb or nil end
    return (method == "OPTIONS" and "204 " or "405 ") .. table.concat(allow, ", ")
  end

  local function app_with(routes)
    local app, seen = rille.app(), {}
    for _ = 1, 25 do
      local route = random_route()
      local key = route.verb .. route.path
      if not seen[key] then
        seen[key] = true
        routes[#routes + 1] = route
        app[route.verb:lower()](app, route.path, says(route.verb .. " " .. route.path))
      end
    end
    return app
  end

  for seed = 1, 20 do
    it(("over random routes (seed %d)"):format(seed), function()
      math.randomseed(seed)
      local routes = {}
      local api = rille.test { app = app_with(routes), isolation = false }:client()
      for _ = 1, 300 do
        local method, parts = one_of(METHODS), {}
        for i = 1, math.random(5) do parts[i] = one_of(SEGMENTS) end
        local path = "/" .. table.concat(parts, "/")
        assert.equal(method .. " " .. path .. ": " .. expected(routes, method, parts),
          method .. " " .. path .. ": " .. told(api[method:lower()](api, path)))
      end
    end)
  end
end)
