--- Whether the database is ready for specs. The folder of migrations is this project's own.
local core = require "rille.core"
local migrate = require "rille.migrate"
local private = require "spec.rille.db.private"
local ready = require "rille.test.ready"

describe("a database", function()
  local url = core.settings.database_url

  after_each(function() core.settings.database_url = url end)

  it("is fine when there is none", function()
    core.settings.database_url = ""
    assert.is_nil(ready.problem(true))
  end)

  it("that cannot be reached is said to be, with what to look at", function()
    core.settings.database_url = "postgres://nobody@127.0.0.1:1/none"
    local problem = ready.problem(true)
    assert.matches("^the database cannot be reached: .*127%.0%.0%.1", problem)
    assert.matches("DATABASE_URL", problem, 1, true)
    assert.matches("rille db start", problem, 1, true)
  end)

  it("that lacks tables is said to, with the command that makes them", function()
    local db, close = private.start()
    finally(close)
    core.settings.database_url = db.options.url
    assert.matches("^the database lacks %d+ migrations of migrations/ %(0001_create_reference_data.sql, .*, …%): "
      .. "run `rille migrate` first$", ready.problem(true))
    assert.is_nil(ready.problem(false))
    local silent = { write = function() end }
    assert.equal(0, migrate.run({ "--no-dump", url = db.options.url }, silent))
    assert.is_nil(ready.problem(true))
    db:exec "delete from schema_migrations where version = '0002'"
    assert.matches("lacks 1 migration of migrations/ (0002_create_users.sql): run", ready.problem(true), 1, true)
  end)
end)
