--- What models and migrations can do, on the shop's tables: spec/apps/shop/models.lua, run as a project runs its own
-- specs, and the files in migrations/.
local database = require "spec.apps.database"
local shell = require "spec.shell"

describe("apps/shop", function()
  local base

  setup(function()
    base = database.new()
    base:migrate()
  end)
  teardown(function() base:drop() end)

  -- Whether a command went well, and what it said.
  local function rille(words)
    return pcall(shell.run, ("DATABASE_URL=%s %s %s"):format(shell.quoted(base.url), shell.quoted(shell.rille()), words))
  end

  local function does(words, text)
    local ok, said = rille(words)
    assert.is_true(ok, said)
    assert.matches(text, said, 1, true)
  end

  it("has migrations that can be taken back, and one that is made beside what is being written", function()
    does("migrate down to=5 --no-dump", "rolling back 0009_index_events.sql")
    local ok, said = rille "serve apps/shop --port 0"
    assert.is_false(ok)
    assert.matches("0006_create_tags.sql", said, 1, true)
    does("migrate up --dry-run", "create index concurrently")
    does("migrate up --no-dump", "applied 4")
    does("migrate status", "pending 0")
    does("migrate diff app=apps/shop", "the database has what the models declare")
  end)

  it("has its tables in migrations/schema.sql", function()
    local dir = shell.run "mktemp -d"
    finally(function() shell.run("rm -rf " .. dir) end)
    shell.run("cp migrations/0*.sql " .. dir)
    does(("migrate redo dir=%s"):format(dir), "schema.sql")
    assert.equal(shell.read_file "migrations/schema.sql", shell.read_file(dir .. "/schema.sql"))
  end)

  it("shows what models can do", function()
    base:seed "apps/shop"
    local ok, said = rille "spec -o TAP --app apps/shop spec/apps/shop/models.lua"
    assert.is_true(ok, said)
    assert.is_nil(said:find("not ok", 1, true), said)
    assert.matches("ok 29 ", said, 1, true)
  end)
end)
