--- isolation = "database": a copy of the database for one file.
local cluster = require "rille.cluster"
local core = require "rille.core"
local database = require "rille.db"
local isolation = require "rille.test.isolation"
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
    isolation.clean_up()
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

  it("has one isolation for all of it", function()
    local ok, why = pcall(rille.test, { app = app, isolation = "transaction" })
    assert.is_false(ok)
    assert.matches('this file has isolation = "database" already', why, 1, true)
  end)
end)
