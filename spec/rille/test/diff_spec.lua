local diff = require "rille.test.diff"

describe("diff.of", function()
  it("names the paths at which tables differ", function()
    assert.equal(table.concat({
      "They differ:",
      '  items[2].qty: wanted 3, got "3"',
      "  name: missing, wanted \"Ada\"",
      "  page[\"a b\"]: not wanted, but {}",
    }, "\n"), diff.of(
      { items = { { qty = 1 }, { qty = 3 } }, name = "Ada", page = {} },
      { items = { { qty = 1 }, { qty = "3" } }, page = { ["a b"] = {} } }))
  end)

  it("shows lines that go and lines that come", function()
    assert.equal("They differ (- wanted, + got):\n    a\n  - b\n  + x\n    c\n  + d", diff.of("a\nb\nc", "a\nx\nc\nd"))
  end)

  it("says nothing where the two values say it best", function()
    assert.is_nil(diff.of(1, 2))
    assert.is_nil(diff.of("a", "b"))
    assert.is_nil(diff.of({ 1 }, { 1 }))
    assert.is_nil(diff.of({}, 1))
  end)

  it("is coloured where it stands, and nowhere else in a message", function()
    local colours = { green = function(text) return "<g " .. text .. ">" end, red = function(text) return "<r " .. text .. ">" end }
    local function coloured(wanted, got)
      return diff.coloured("a_spec.lua:1: " .. diff.of(wanted, got) .. "\nPassed in:\n  - x", colours)
    end
    assert.equal("a_spec.lua:1: They differ:\n  a: wanted <g 1>, got <r 2>\n  b: missing, wanted <g true>\n  c: not wanted, but <r {}>\n"
      .. "Passed in:\n  - x", coloured({ a = 1, b = true }, { a = 2, c = {} }))
    assert.equal("a_spec.lua:1: They differ (- wanted, + got):\n    a\n<g   - b>\n<r   + c>\nPassed in:\n  - x",
      coloured("a\nb", "a\nc"))
    assert.equal("  - no difference", diff.coloured("  - no difference", colours))
  end)

  it("ends, also with tables that hold themselves, and with many differences", function()
    local a, b = { x = 1 }, { x = 2 }
    a.self, b.self = a, b
    assert.matches("x: wanted 1, got 2", diff.of(a, b), 1, true)
    local many = {}
    for i = 1, 50 do many[i] = i end
    assert.matches("… and 30 more", diff.of({}, many), 1, true)
  end)
end)
