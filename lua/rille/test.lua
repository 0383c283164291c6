--- Testing an app: `local t = require("rille").test()`.
--
--     local api = t:client{ as = t.create "user" }
--     local res = api:post("/posts", { json = { title = "" } })
--     assert.equal(422, res.status)
--
-- Requests go through the full stack without a socket, each example's work in
-- the database is rolled back, and an answer of 500 fails the example. This is
-- for specs, run by `rille spec`; see lua/rille/test/ for the parts.
local App = require "rille.app"
local auto = require "rille.model.auto"
local asserts = require "rille.test.assert"
local Client = require "rille.test.client"
local clock = require "rille.test.clock"
local clone = require "rille.test.clone"
local config = require "rille.config"
local core = require "rille.core"
local db = require "rille.db"
local deadlock = require "rille.deadlock"
local example = require "rille.test.example"
local factory = require "rille.test.factory"
local guard = require "rille.guard"
local isolation = require "rille.test.isolation"
local leaks = require "rille.leaks"
local leader = require "rille.leader"
local lifecycle = require "rille.lifecycle"
local module = require "rille.module"
local slip = require "rille.slip"
local place = require "rille.test.place"
local ready = require "rille.test.ready"
local stub = require "rille.test.stub"

local test = {}

local OPTIONS = { app = true, isolation = true, strict = true }
local CLIENT_OPTIONS = { as = true, headers = true, session = true }

asserts.install()

-- ---- the app -------------------------------------------------------------------

local function caller_path(level)
  local info = debug.getinfo(level + 1, "S")
  return info and info.source:match "^@(.*)$" or "?"
end

-- The settings, as they are when that app is served: its file is one of their sources.
local function use_settings(dir, level)
  local settings, sources = core.settings_of(dir)
  if not settings then
    error(("the settings of %s are wrong:\n%s"):format(dir, sources), level + 1)
  end
  settings.database_url = clone.url() or settings.database_url
  settings.db_replicas = "" -- which would never see what an example has written
  if settings.database_url ~= core.settings.database_url then
    db:close() -- its next use connects with the new ones
  end
  for name, value in pairs(settings) do -- in place: all modules have this table
    core.settings[name] = value
  end
  config.current:begin { settings = core.settings, sources = sources }
end

-- The folder of the app that is meant.
local function folder_of(what, level)
  if what ~= nil and type(what) ~= "string" then
    error(("rille.test takes an app, an app's folder or a table of options: got a %s"):format(type(what)), level + 1)
  end
  local path = caller_path(level + 1)
  local dir, tried = what, nil
  if not dir then
    dir, tried = place.of(path)
  end
  if not dir then
    error(("which app is this about? There is none at %s. Give rille.test an app or a folder, or call `rille spec --app DIR`")
      :format(tried), level + 1)
  end
  if not place.has_app(dir) then
    error(("there is no app in '%s': it has no app.lua"):format(dir), level + 1)
  end
  return dir
end

-- The app, and what requires its modules.
local function load_app(dir)
  local app, loader = App.load(dir)
  config.current:finish()
  return app, loader
end

-- An app's routes can be handed over once for each server it is on; here all
-- share one, so an app value is built once and found again.
local built = setmetatable({}, { __mode = "k" })

local function build(app)
  if not built[app] then
    local number = core.test_app(core.settings or {})
    leaks.watch(example.meet_leak)
    deadlock.watch()
    app:build()
    built[app] = number
    lifecycle "start"
  end
  return built[app]
end

-- The app gets the guards that it is served with. That a call blocks is nothing to
-- tell of a spec: nobody else waits.
local function install_guard()
  local execute, popen = os.execute, io.popen
  guard.install()
  os.execute, io.popen = execute, popen
end

-- ---- t -------------------------------------------------------------------------------

local T = { __name = "rille.test" }
T.__index = T

--- A client: its cookies and headers last from call to call.
-- @tparam[opt] table options `headers`: sent with every request; `as`: a user, given
-- to `t.as(client, user)`, which logs in as the app wants it; `session`: values,
-- given to `t.session(client, values)`
-- @treturn Client
function T:client(options)
  if getmetatable(self) ~= T then
    error("t:client{…} is called with a colon", 2)
  end
  options = options or {}
  for key in pairs(options) do
    if not CLIENT_OPTIONS[key] then
      error(("t:client has no option '%s': there are as, headers, session"):format(tostring(key)), 2)
    end
  end
  local client = Client.new(self.number)
  for name, value in pairs(options.headers or {}) do
    client.headers[tostring(name):lower()] = value
  end
  for _, hook in ipairs { "as", "session" } do
    if options[hook] ~= nil then
      if type(rawget(self, hook)) ~= "function" then
        error(("t:client{ %s = … }: say first what it means to this app: function t.%s(client, value) … end, "
          .. "say client.headers.authorization = …"):format(hook, hook), 2)
      end
      self[hook](client, options[hook])
    end
  end
  return client
end

slip.guard(T, "t", "client factory create create_list build stub expect_fault expect_leak require clock as session", "")

-- What is called as t.create(…): functions that know their t.
local function functions_of(t, loader, dir)
  local factories = factory.new(t, loader, dir)

  --- Say how `t.create(name, …)` makes one; see rille.test.factory. In spec/factories.lua, and the files of
  -- spec/factories/, it is `factory(…)`.
  -- @tparam string name
  -- @tparam table|function fields by column, each a value or a function(n, row, t); or fn(fields), which makes it
  -- @tparam[opt] table options `model`, `table`, `from`, `traits`, `after`
  function t.factory(name, fields, options)
    factories:define(name, fields, options, 2)
  end

  --- Make one of what the factory `name` makes. **Yields.**
  -- @tparam string name
  -- @param ... names of traits, and then a table of the fields that matter to this example; the factory fills in the rest
  -- @return the row
  function t.create(name, ...)
    return (factories:create(name, 2, ...))
  end

  --- Make several. **Yields.**
  -- @tparam string name
  -- @tparam integer count
  -- @param ... as for `create`
  -- @treturn {row,...}
  function t.create_list(name, count, ...)
    if type(count) ~= "number" or count < 0 or count % 1 ~= 0 then
      error("t.create_list takes a name and then how many: got " .. tostring(count), 2)
    end
    local rows = {}
    for i = 1, count do
      rows[i] = factories:create(name, 2, ...)
    end
    return rows
  end

  --- The fields of one, without making it: what a form or a JSON body sends. **Yields** if a field's function does.
  -- @tparam string name
  -- @param ... as for `create`
  -- @treturn table
  function t.build(name, ...)
    return (factories:build(name, 2, ...))
  end

  --- Answer calls of another service in its place; see rille.test.stub.
  -- @tparam string upstream
  -- @tparam string what "METHOD /path"
  -- @tparam table|function answer
  -- @treturn table `calls`: the requests so far
  function t.stub(upstream, what, answer)
    return stub.add(upstream, what, answer, 2)
  end

  --- This example is about a fault: an answer of 500 does not fail it, and none does.
  function t.expect_fault()
    example.expect_fault()
  end

  --- A request of this example leaves something open: that does not fail it, and that none does, does.
  function t.expect_leak()
    example.expect_leak()
  end

  --- A module of the app, as the app itself requires it.
  -- @tparam string name
  function t.require(name)
    return loader.require(name)
  end

  t.clock = clock
end

--- Make a `t` for an app; see the top of this file and rille.test.place. An app in
-- a folder is loaded as `rille serve` does it: with the settings of its config/ENV.lua,
-- and what is wrong with them told; its on_start runs now, on_stop when the file is over.
-- **Yields** if those do.
-- @param[opt] what an app; the folder of one; or options: `app` (either of them), and
-- `isolation`: "transaction" (each example's work in the database is rolled
-- back), "database" (the file gets a copy of the database to itself), false (neither);
-- `strict = true`: models' relations do not load by themselves
-- @treturn t
function test.new(what)
  local level = 2 -- of rille.test, which tail-calls this, the caller's
  local options = type(what) == "table" and not App.is(what) and what or { app = what }
  for key in pairs(options) do
    if not OPTIONS[key] then
      error(("rille.test has no option '%s': there are app, isolation and strict"):format(tostring(key)), level)
    end
  end
  if options.strict ~= nil then
    auto.set_strict(options.strict == true)
  end
  local app = options.app
  local dir = not App.is(app) and folder_of(app, level) or nil
  if dir then
    use_settings(dir, level)
  end
  if not clone.url() then
    local problem = ready.problem(dir ~= nil)
    if problem then
      error(problem, level)
    end
  end
  isolation.choose(options.isolation == nil and "transaction" or options.isolation, level)
  install_guard()
  leader.is_alone = true
  local loader
  if dir then
    app, loader = load_app(dir)
  else
    loader = module.loader "."
  end
  local t = setmetatable({ app = app, number = build(app) }, T)
  functions_of(t, loader, dir)
  return t
end

return test
