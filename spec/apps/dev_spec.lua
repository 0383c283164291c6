--- `rille dev` in a project of its own.
local server = require "spec.server"
local shell = require "spec.shell"
local wire = require "spec.wire"

local MIGRATION = [[
-- migrate:up
create table words (word text);
insert into words values ('hello');
-- migrate:down
drop table words;
]]

local APP = [[
local rille = require "rille"
local app = rille.app()
app:get("/", function() return rille.db:one("select word from words").word end)
return app
]]

describe("rille dev", function()
  it("brings a database of its own, migrated, and takes it along when it ends", function()
    local dir = shell.run "mktemp -d /tmp/rille-dev.XXXXXX"
    local function db(command)
      return shell.run(("cd %s && %s db %s"):format(dir, shell.quoted(shell.rille()), command))
    end
    local function write(name, text)
      local file = assert(io.open(dir .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    shell.run("mkdir " .. dir .. "/migrations")
    write("migrations/0001_create_words.sql", MIGRATION)
    write("app.lua", APP)
    local running = server.start { app = ".", dir = dir, command = "dev", env = { DATABASE_URL = "" } }
    finally(function()
      running:stop()
      db "stop"
      shell.run("rm -rf " .. dir)
    end)
    local conn = wire.connect(running.port)
    conn:send(wire.get "/")
    assert.equal("hello", assert(conn:answer()).body)
    conn:close()
    local status, log = running:stop "INT"
    assert.equal(0, status, log)
    assert.matches("applying 0001_create_words.sql", log, 1, true)
    assert.equal("stopped", db "status")
  end)

  it("answers by local names and those that are listed, and listens for other machines only when told to", function()
    local running = server.start { app = "apps/hello", command = "dev", env = { DATABASE_URL = "", RILLE_ALLOWED_HOSTS = "shop.test" } }
    finally(function() running:stop() end)
    local function status_as(host)
      local conn = wire.connect(running.port)
      conn:send(("GET / HTTP/1.1\r\nHost: %s\r\n\r\n"):format(host))
      local status = assert(conn:answer()).status
      conn:close()
      return status
    end
    for _, host in ipairs { "localhost", "127.0.0.1:" .. running.port, "a.localhost:1", "[::1]", "shop.test" } do
      assert.equal(200, status_as(host), host)
    end
    assert.equal(421, status_as "evil.test")
    local said = shell.run(shell.quoted(shell.rille()) .. " dev apps/hello --host 0.0.0.0 2>&1; true")
    assert.matches("rille dev: on 0.0.0.0 others could read", said, 1, true)
    assert.matches("--expose", said, 1, true)
  end)

  it("answers by any name when it is exposed", function()
    local running = server.start {
      app = "apps/hello", command = "dev", env = { DATABASE_URL = "", RILLE_ALLOWED_HOSTS = "" }, args = { "--expose" },
    }
    finally(function() running:stop() end)
    local conn = wire.connect(running.port)
    conn:send(wire.get "/")
    assert.equal(200, assert(conn:answer()).status)
    conn:close()
  end)
end)
