local grid = require "rille.console.grid"

describe("rille.console.grid", function()
  -- Rows as the database gives them: core/vm/kind.h.
  local function rows(names, ...)
    local meta = { [0] = 1 }
    for i, name in ipairs(names) do meta[i], meta[#names + i] = name, "" end
    local list = { ... }
    for i, values in ipairs(list) do list[i] = setmetatable(values, meta) end
    return list
  end

  it("aligns numbers to the right, and the rest to the left", function()
    assert.equal(" id | name\n----+------\n  1 | ö\n 10 |\n(2 rows)",
      grid.of(rows({ "id", "name" }, { id = 1, name = "ö" }, { id = 10 }), 80))
  end)

  it("cuts what is too long for the terminal, unless it is alone", function()
    local long = ("ä"):rep(50)
    assert.equal((" a            | b\n--------------+---\n %s… | 1\n(1 row)"):format(("ä"):rep(11)),
      grid.of(rows({ "a", "b" }, { a = long, b = "1" }), 20))
    assert.matches(long, grid.of(rows({ "plan" }, { plan = long }), 20), 1, true)
  end)

  it("keeps one row on one line, whatever it holds", function()
    assert.equal(" a\n-----------\n {\"b\":1}\n two lines\n(2 rows)", grid.of(rows({ "a" }, { a = { b = 1 } }, { a = "two\nlines" }), 80))
  end)

  it("prints two hundred rows at most, and counts all", function()
    local list = {}
    for i = 1, 300 do list[i] = { n = i } end
    local text = grid.of(rows({ "n" }, unpack(list)), 80)
    assert.matches("\n 200\n(300 rows), the first 200 of them above", text, 1, true)
    assert.equal("(0 rows)", grid.of({}, 80))
  end)
end)
