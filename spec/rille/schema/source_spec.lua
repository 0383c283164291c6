--- Functions as source.
local Source = require "rille.schema.source"

describe("a source", function()
  it("loads what was added to it", function()
    local source = Source.new { double = function(x) return 2 * x end }
    source:add("return function(a) return double(a) + %s end", source:literal(0.5))
    assert.equal(6.5, source:load()(3))
  end)

  it("refers to more values than a function has upvalues", function()
    local source, names, tables = Source.new {}, {}, {}
    for i = 1, 300 do
      tables[i] = { i }
      names[i] = source:constant(tables[i]) .. "[1]"
    end
    assert.equal(source:constant(tables[1]), source:constant(tables[1]))
    source:add("return function() return %s end", table.concat(names, " + "))
    assert.equal(300 * 301 / 2, source:load()())
  end)

  it("keeps every text a text", function()
    for byte = 0, 255 do
      local text = ('"%s1\\]]%%s'):format(string.char(byte))
      local source = Source.new {}
      source:add("return function() return %s end", source:literal(text))
      assert.equal(text, source:load()())
    end
  end)

  it("writes numbers exactly", function()
    for _, number in ipairs { 0, -1, 0.1, 2 ^ 53, -2 ^ 53, 1e300, 5e-324, 1 / 0 } do
      local source = Source.new {}
      source:add("return function() return %s - 0 end", source:literal(number))
      assert.equal(number, source:load()())
    end
  end)
end)
