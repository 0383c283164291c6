--- `rille check`, run on apps in a folder of its own.
local core = require "rille.core"
local lfs = require "lfs"
local shell = require "spec.shell"
local quoted = shell.quoted

describe("rille check", function()
  local dir

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    lfs.mkdir(dir)
    lfs.mkdir(dir .. "/config")
  end)

  after_each(function()
    os.execute("rm -rf " .. quoted(dir))
  end)

  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  local function rille(words, env)
    local pipe = io.popen(("env -u DATABASE_URL %s timeout 60 %s %s 2>&1; echo $?"):format(env or "",
      os.getenv "RILLE" or "build/rille", words))
    local text, status = pipe:read("*a"):gsub(dir, "DIR"):match "^(.-)(%d+)\n$"
    pipe:close()
    return tonumber(status), text
  end

  local function check(words, env)
    return rille("check " .. quoted(dir) .. " " .. (words or ""), env)
  end

  local APP = [[
local rille = require "rille"
local v = require "rille.schema"
local app = rille.app()
app:config{
  wechat = v.object{ appid = v.string(), secret = v.secret() },
  shop = v.object{ tax = v.number():default(0.19) },
}
local function wrap(c, next) return next(c) end
local admin = app:group("/admin", { use = { wrap } })
admin:get("/users/:id", { name = "user", use = { wrap } }, function() return rille.config.wechat.appid end)
app:post("/orders", function() end)
return app
]]

  it("prints settings and their sources, routes, the database", function()
    write("app.lua", APP)
    write("config/test.lua", 'return {\n  max_body = "2M",\n  wechat = {\n    appid = "wx12",\n  },\n}\n')
    local status, text = check("--env test --port 81", "WECHAT_SECRET=hush RILLE_WORKERS=3")
    assert.equal(0, status)
    for _, line in ipairs {
      "DIR, test\n", "\n  port +81 +%-%-port\n", "\n  workers +3 +RILLE_WORKERS\n", "\n  max_body +2M +DIR/config/test.lua:2\n",
      "\n  host +127%.0%.0%.1 +default\n", "\n  wechat%.appid +wx12 +DIR/config/test.lua:4\n",
      "\n  wechat%.secret +%*+ +WECHAT_SECRET\n", "\n  shop%.tax +0%.19 +default\n",
      "\n  GET +/admin/users/:id +user +DIR/app.lua:10 +2 middleware\n", "\n  POST +/orders +DIR/app.lua:11 +0 middleware\n",
      "\n  none is configured",
    } do
      assert.matches(line, text)
    end
    assert.is_nil(text:find("hush", 1, true))
  end)

  it("prints the same as JSON", function()
    write("app.lua", APP)
    local status, text = check("--json", "WECHAT_SECRET=hush WECHAT_APPID=x RILLE_PROT=1")
    assert.equal(0, status)
    local report = core.json_decode(text)
    assert.same({ true, "development" }, { report.ok, report.env })
    assert.same({}, report.problems)
    assert.same({ "unknown setting RILLE_PROT in the environment: did you mean RILLE_PORT?" }, report.warnings)
    assert.same({ configured = false }, report.database)
    assert.same({ method = "POST", path = "/orders", handler = "DIR/app.lua:11", middleware = 0 }, report.routes[2])
    local by_name = {}
    for _, one in ipairs(report.settings) do
      by_name[one.name] = one
    end
    assert.same({ name = "wechat.secret", value = "********", source = "WECHAT_SECRET", app = true }, by_name["wechat.secret"])
    assert.same({ name = "port", value = "8080", source = "default", app = false }, by_name.port)
  end)

  it("tells all problems at once, Rille's and the app's", function()
    write("app.lua", APP)
    write("config/development.lua", "return {\n  port = 'http',\n  max_bdoy = 1,\n  shop = { tax = 'much' },\n}\n")
    local status, text = check("--json --max-body=8Q", "WECHAT_SECRET=hush")
    assert.equal(1, status)
    assert.same({
      "--max-body is '8Q': expected a size from 0 to 1T, such as 65536, \"64K\" or \"8M\"",
      "port in DIR/config/development.lua:2 is 'http': expected a whole number from 0 to 65535",
      "unknown setting 'max_bdoy' in DIR/config/development.lua:3: did you mean 'max_body'?",
      "shop.tax in DIR/config/development.lua:4 is 'much', but must be a number",
      "wechat.appid is missing: it must be a string. Set WECHAT_APPID in the environment, "
        .. "or wechat = { appid = … } in DIR/config/development.lua",
    }, core.json_decode(text).problems)
    status, text = check("", "WECHAT_SECRET=hush")
    assert.equal(1, status)
    assert.matches("\n  wechat%.appid +%(missing%) +default\n", text)
    assert.matches("\n  shop%.tax +%(wrong%) +DIR/config/development.lua:4\n", text)
    assert.matches("\nproblems\n  port in ", text)
  end)

  it("tells once what an app's file stumbled over", function()
    write("app.lua", APP:gsub("local function wrap", 'print(rille.config.wechat.appid)\n%0'))
    local status, text = check("--json", "WECHAT_SECRET=hush")
    assert.equal(1, status)
    assert.equal(1, #core.json_decode(text).problems)
  end)

  it("tells what serve would: no app, errors, two routes that are one", function()
    for text, problem in pairs {
      ["local x = = 1\n"] = "DIR/app.lua:1: unexpected symbol near '='",
      ["return 1\n"] = "DIR/app.lua returned a number: its last line must be `return app`",
      ['local app = require("rille").app()\napp:get("/a/:x", print)\napp:get("/a/:y", print)\nreturn app\n'] = "GET /a/:y at DIR/app.lua:3",
      ['require("rille").fail(503, "closed")'] = "closed",
    } do
      write("app.lua", text)
      local status, out = check "--json"
      assert.equal(1, status)
      assert.equal(problem, core.json_decode(out).problems[1]:sub(1, #problem))
    end
    local status, text = rille "check /nowhere"
    assert.same({ 1, "rille: there is no /nowhere/app.lua: APP is a folder with an app.lua in it\n" }, { status, text })
  end)

  it("ends with the file's own error when config/ENV.lua cannot be read", function()
    write("app.lua", APP)
    write("config/development.lua", "return {\n  port = = 1\n}\n")
    local status, text = check()
    assert.same({ 1, "DIR/config/development.lua:2: unexpected symbol near '='\n" }, { status, text })
  end)

  it("says that the database cannot be reached", function()
    write("app.lua", 'return require("rille").app()\n')
    local status, text = rille("check --database-url postgres://u:hush@127.0.0.1:1/none " .. quoted(dir))
    assert.equal(1, status)
    assert.matches("\n  cannot be reached\n", text)
    assert.matches("\nproblems\n  database_url: cannot connect to the database, nothing was done: [^\n]*refused", text)
    assert.is_nil(text:find("hush", 1, true))
  end)

  it("counts the database's connections, and tells of migrations that it lacks", function()
    local base = require("spec.apps.database").new()
    finally(function() base:drop() end)
    write("app.lua", 'return require("rille").app()\n')
    local status, text = check("--database-url " .. quoted(base.url))
    assert.equal(1, status)
    assert.matches("\nproblems\n  database_url: the database lacks %d+ migrations of migrations/ %(0001_.*%): run `rille migrate` first\n", text)
    base:migrate()
    status, text = check(("--database-url %s --workers 2 --json"):format(quoted(base.url)))
    assert.equal(0, status)
    local found = core.json_decode(text).database
    assert.same({ true, 2, 8, 1, 11, 22 },
      { found.reachable, found.workers, found.exclusive, found.shared, found.process, found.wanted })
    assert.equal(tonumber(base:sql "show max_connections"), found.max_connections)
    assert.equal(math.floor((found.max_connections - found.reserved) / 22), found.nodes)
    status, text = check(("--database-url %s --workers 1"):format(quoted(base.url)))
    assert.equal(0, status)
    assert.matches("\n  a process takes 11: 8 exclusive %+ 2 shared × 1 workers %+ 1 that listens; × 2 while it is replaced: 22\n", text)
    assert.matches("\n  room for %d+ nodes like this one\n", text)
    lfs.mkdir(dir .. "/.rille")
    assert(lfs.link(base.dir .. "/pg", dir .. "/.rille/pg", true))
    local pipe = io.popen(("cd %s && env -u DATABASE_URL timeout 60 %s check . 2>&1"):format(quoted(dir), quoted(shell.rille())))
    assert.matches("\n  PostgreSQL %d+", (pipe:read "*a")) -- the private one, where none is named
    pipe:close()
    status, text = check(("--database-url %s --workers 2 --db-exclusive 1000"):format(quoted(base.url)))
    assert.equal(0, status)
    assert.matches("\nwarnings\n  db_exclusive 1000 %+ db_shared 1 × 2 workers %+ 1 = 1003 connections, 2006 while a process is "
      .. "replaced, and the server has %d+: lower db_exclusive, or raise its max_connections\n", text)
  end)

  it("tells wrong usage by status 2", function()
    local lack = "rille check: which app? APP is a folder with an app.lua in it\nusage: rille check APP [--json] [settings]\n"
    assert.same({ 2, lack }, { rille "check" })
    assert.same({ 2, lack }, { rille "check --json" })
    write("app.lua", APP)
    local status, text = check "--jsno"
    assert.same({ 2, "rille check: there is no flag --jsno: did you mean --json?\n" }, { status, text })
    assert.same({ 2, "rille check: unexpected argument 'more'\nusage: rille check APP [--json] [settings]\n" }, { check "more" })
  end)
end)

describe("rille serve", function()
  it("names every wrong setting of an app that does not start", function()
    local dir = os.tmpname()
    os.remove(dir)
    lfs.mkdir(dir)
    finally(function() os.execute("rm -rf " .. quoted(dir)) end)
    local file = assert(io.open(dir .. "/app.lua", "w"))
    file:write 'local v = require "rille.schema"\nlocal app = require("rille").app()\n'
    file:write "app:config{ wechat = v.object{ appid = v.string(), port = v.integer() } }\nreturn app\n"
    file:close()
    local pipe = io.popen(("env WECHAT_PORT=x timeout 60 %s serve --port 0 %s 2>&1"):format(os.getenv "RILLE" or "build/rille",
      quoted(dir)))
    local text = pipe:read("*a"):gsub(dir, "DIR")
    pipe:close()
    assert.equal([[
rille: 2 settings are wrong:
  wechat.appid is missing: it must be a string. Set WECHAT_APPID in the environment, or wechat = { appid = … } in DIR/config/development.lua
  WECHAT_PORT in the environment is 'x', but must be an integer
]], text)
  end)
end)
