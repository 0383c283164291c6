--- Loading an app as `rille serve` does: what keeps it from being served is said, and ends the command.
local lfs = require "lfs"
local private = require "spec.rille.db.private"
local rille_path = lfs.symlinkattributes("/proc/self/exe", "target")

describe("an app that cannot be served", function()
  local dir

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(lfs.mkdir(dir))
  end)

  after_each(function() os.execute("rm -rf '" .. dir .. "'") end)

  -- The exit status and the last words of a server of `code`.
  local function served(code, environment)
    local file = assert(io.open(dir .. "/app.lua", "w"))
    file:write(code)
    file:close()
    local pipe = io.popen(("env -u DATABASE_URL %s timeout 60 '%s' serve '%s' --host 127.0.0.1 --port 0 --workers 1 2>&1 </dev/null; echo $?")
      :format(environment or "", rille_path, dir))
    local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
    pipe:close()
    return tonumber(status), text
  end

  for what, case in pairs {
    ["is told that it returned nothing"] = { "local app = require('rille').app()",
      "/app.lua returned nothing: its last line must be `return app`" },
    ["is told that it returned something else"] = { "return require 'rille'", "/app.lua returned a table: its last line must be" },
    ["is told where it does not parse"] = { "\nlocal = 1", "/app.lua:2: " },
    ["is told where it failed"] = { "\n\nerror 'oh no'", "/app.lua:3: oh no" },
    ["is told of the route that it has twice"] = {
      "local app = require('rille').app()\napp:get('/a', print)\napp:get('/a', print)\nreturn app", "/app.lua:3" },
    ["is told of the setting that it wants"] = {
      "local rille = require 'rille' local app = rille.app() app:config { token = rille.schema.secret() } return app", "token" },
    ["is told of the global that it makes"] = { "app = require('rille').app() return app", "assigning the global 'app'" },
    ["is told that its start failed"] = {
      "local app = require('rille').app() app:on_start(function() error 'no queue' end) return app", "no queue" },
  } do
    it(what, function()
      local status, text = served(case[1])
      assert.equal(1, status, text)
      assert.matches(case[2], text, 1, true)
    end)
  end

  it("is told of a database that does not answer", function()
    local status, text = served("return require('rille').app()", "DATABASE_URL='postgres://nobody@/x?host=" .. dir .. "'")
    assert.equal(1, status, text)
    assert.matches("database_url: ", text, 1, true)
  end)

  describe("with migrations", function()
    local db, close

    setup(function() db, close = private.start() end)
    teardown(function() close() end)

    it("is told of those that the database has not had, and does not mind what it has had besides", function()
      assert(lfs.mkdir(dir .. "/migrations"))
      local file = assert(io.open(dir .. "/migrations/0001_a.sql", "w"))
      file:write "-- migrate:up\nselect 1\n"
      file:close()
      local environment = "DATABASE_URL='" .. db.options.url .. "'"
      local code = "local rille = require 'rille' local app = rille.app() app:on_start(function() error 'it starts' end) return app"
      local status, text = served(code, environment)
      assert.equal(1, status, text)
      assert.matches("database_url: the database lacks 1 migration of " .. dir .. "/migrations/ (0001_a.sql): run `rille migrate dir="
        .. dir .. "/migrations` first", text, 1, true)
      assert.matches("it starts", select(2, served(code, environment .. " RILLE_DB_MIGRATIONS=")), 1, true)
      db:script "create table schema_migrations (version text); insert into schema_migrations values ('1'), ('0002')"
      assert.matches("it starts", select(2, served(code, environment)), 1, true)
    end)
  end)
end)
