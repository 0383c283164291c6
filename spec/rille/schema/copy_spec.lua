--- Deep copies.
local copy = require "rille.schema.copy"
local rille = require "rille"

describe("copy", function()
  it("shares no table with what it copied", function()
    local value = { a = { b = rille.array { 1, { c = false } } }, n = rille.null }
    local copied = copy(value)
    assert.same(value, copied)
    assert.not_equal(value.a, copied.a)
    assert.not_equal(value.a.b[2], copied.a.b[2])
    assert.equal("[]", rille.json.encode(copy(rille.array {})))
    assert.equal("{}", rille.json.encode(copy {}))
  end)

  it("ends at 512 levels, and so in a cycle", function()
    local cycle = {}
    cycle.self = cycle
    assert.is_nil(copy(cycle))
    local deep = {}
    for _ = 2, 512 do
      deep = { deep }
    end
    assert.same(deep, copy(deep))
    assert.is_nil(copy { deep })
  end)

  it("hands on what is no plain table", function()
    local row = setmetatable({}, { __index = function() error "no such column" end })
    assert.equal(row, copy(row))
  end)
end)
