--- What models can do, on the shop's tables: spec/apps/shop/models.lua, run as a project runs its own specs.
local database = require "spec.apps.database"
local shell = require "spec.shell"

describe("apps/shop", function()
  it("shows what models can do", function()
    local base = database.new()
    finally(function() base:drop() end)
    base:migrate()
    base:seed "apps/shop"
    local ok, said = pcall(shell.run, ("DATABASE_URL=%s %s spec -o TAP --app apps/shop spec/apps/shop/models.lua"):format(
      shell.quoted(base.url), shell.quoted(shell.rille())))
    assert.is_true(ok, said)
    assert.is_nil(said:find("not ok", 1, true), said)
    assert.matches("ok 19 ", said, 1, true)
  end)
end)
