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

  it("ends, also with tables that hold themselves, and with many differences", function()
    local a, b = { x = 1 }, { x = 2 }
    a.self, b.self = a, b
    assert.matches("x: wanted 1, got 2", diff.of(a, b), 1, true)
    local many = {}
    for i = 1, 50 do many[i] = i end
    assert.matches("… and 30 more", diff.of({}, many), 1, true)
  end)
end)
