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
end)
