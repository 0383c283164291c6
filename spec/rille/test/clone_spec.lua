--- isolation = "database": a copy of the database for one file.
local cluster = require "spec.cluster"
local core = require "rille.core"
local database = require "rille.db"
local clone = require "rille.test.clone"
local rille = require "rille"
local db = rille.db

local app = rille.app()
app:post("/things", function() db:exec "insert into thing values ('new')" end)

describe("a file with a database of its own", function()
  local dir, url, t

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir = name:read "*l"
    name:close()
    url = cluster.start(dir .. "/pg", { durable = false })
    core.settings.database_url = url
    db:script "create table thing (name text); insert into thing values ('old')"
    t = rille.test { app = app, isolation = "database" }
  end)

  teardown(function()
    clone.drop()
    local original = database.open { url = url, max = 1 }
    assert(original:one("select count(*) from thing").count == 1, "the original was written to")
    assert(original:one("select count(*) from pg_database where datname like '%spec%'").count == 0, "the copy is still there")
    original:close()
    db:close()
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("starts with what the original holds, and may commit", function()
    assert.equal("old", db:one("select name from thing").name)
    assert.equal(204, t:client():post("/things").status)
    local other = database.open { url = core.settings.database_url, max = 1 }
    assert.equal(2, other:one("select count(*) from thing").count)
    other:close()
  end)

  it("keeps what an example before it wrote", function()
    assert.equal(2, db:one("select count(*) from thing").count)
  end)

  it("says who is connected to the original, and keeps it from being copied", function()
    clone.drop()
    local other = database.open { url = url, exclusive = 1, min_idle = 1 }
    local pid = other:with({ lane = "exclusive" }):one("select pg_backend_pid() as pid").pid
    local ok, why = pcall(clone.make)
    other:close()
    assert.is_false(ok)
    assert.matches(('copies the database "rille", which works only while nobody else is connected to it: there is rille '
      .. '(server process %d, from this machine)'):format(pid), why, 1, true)
    assert.matches("DATABASE_URL", why, 1, true)
    clone.make()
    assert.matches("_spec_", core.settings.database_url, 1, true)
  end)

  it("has one isolation for all of it", function()
    local ok, why = pcall(rille.test, { app = app, isolation = "transaction" })
    assert.is_false(ok)
    assert.matches('this file has isolation = "database" already', why, 1, true)
  end)
end)
