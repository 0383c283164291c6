--- rille.trim and rille.split.
local rille = require "rille"

describe("rille.trim", function()
  it("takes the blanks off both ends", function()
    for given, wanted in pairs { [""] = "", ["  "] = "", [" a b\t\r\n"] = "a b", ["a"] = "a", ["\0 "] = "\0" } do
      assert.equal(wanted, rille.trim(given))
    end
  end)

  it("says what it takes", function()
    assert.has_error(function() rille.trim(7) end, "rille.trim takes a text first: got a number")
  end)
end)

describe("rille.split", function()
  it("cuts at each separator, which is no pattern", function()
    assert.same({ "a", "", "b" }, rille.split("a,,b", ","))
    assert.same({ "" }, rille.split("", ","))
    assert.same({ "a", "b", "" }, rille.split("a.%b.%", ".%"))
  end)

  it("leaves the rest in the last part", function()
    assert.same({ "a", "b=c" }, rille.split("a=b=c", "=", 2))
    assert.same({ "a=b=c" }, rille.split("a=b=c", "=", 1))
  end)

  it("says what it takes", function()
    assert.has_error(function() rille.split("a", "") end,
      'rille.split takes a separator second, as in rille.split(text, ","): got an empty one')
    assert.has_error(function() rille.split(nil, ",") end, "rille.split takes a text first: got a nil")
  end)
end)
