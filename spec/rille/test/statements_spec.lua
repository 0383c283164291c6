--- What assert.queries counts.
local asserts = require "rille.test.assert"
local db = require "rille.db"
local rille = require "rille"
local statements = require "rille.test.statements"

describe("statements", function()
  local ran

  before_each(function()
    ran = {}
    statements.set_guard(function(_, _, sql, ...) -- in the place of a database
      ran[#ran + 1] = sql
      return sql .. select("#", ...)
    end)
  end)

  after_each(function() statements.set_guard(nil) end)

  it("are listed while a function runs, in every task", function()
    local seen = statements.during(function()
      assert.equal("select $11", db:one("select $1", 1))
      rille.all { function() db:query "select 2" end }
      db:exec "delete from a"
    end)
    assert.same({ "select $1", "select 2", "delete from a" }, seen)
    db:query "select 3"
    assert.equal(3, #seen)
    assert.equal(4, #ran)
  end)

  it("of Rille's own are not the code's", function()
    assert.same({ "select 1" }, statements.during(function()
      local ours = db:with {}
      ours.is_inner = true
      ours:exec "fetch 500 from rl_each_1"
      db:exec "select 1"
    end))
  end)

  it("are seen by watchers inside watchers", function()
    local inner
    local outer = statements.during(function()
      db:exec "1"
      inner = statements.during(function() db:exec "2" end)
      db:exec "3"
    end)
    assert.same({ { "1", "2", "3" }, { "2" } }, { outer, inner })
  end)

  it("are watched no longer once the function has failed", function()
    local ok, err = pcall(statements.during, function() error { code = "mine" } end)
    assert.same({ false, { code = "mine" } }, { ok, err })
    assert.same({ "select 1" }, statements.during(function() db:query "select 1" end))
  end)
end)

describe("assert.queries", function()
  setup(asserts.install)
  before_each(function() statements.set_guard(function() return {} end) end)
  after_each(function() statements.set_guard(nil) end)

  it("compares how many there were, and lists them when it fails", function()
    local function two()
      db:query "select 1"
      db:query "select\n  2"
    end
    assert.queries(2, two)
    local ok, err = pcall(function() assert.queries(1, two) end)
    assert.is_false(ok)
    local text = tostring(type(err) == "table" and err.message or err)
    assert.matches("The statements were:\n  1. select 1\n     at [^\n]*statements_spec.lua:%d+\n  2. select 2\n     at ", text)
    assert.matches("The code ran 2 statements, not 1.", text, 1, true)
  end)

  it("takes a number and a function", function()
    for _, wrong in ipairs { { 1 }, { "1", print }, { print, 1 } } do
      local ok, err = pcall(function() assert.queries(wrong[1], wrong[2]) end)
      assert.is_false(ok)
      assert.matches("assert.queries takes a number and a function", tostring(err), 1, true)
    end
  end)
end)
