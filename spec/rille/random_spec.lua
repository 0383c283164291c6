--- rille.random: texts that nobody can guess.
local rille = require "rille"

describe("rille.random", function()
  it("gives two hexadecimal digits for each byte, 16 bytes unless told", function()
    assert.matches("^%x+$", rille.random())
    assert.equal(32, #rille.random())
    assert.equal(2, #rille.random(1))
    assert.equal(2048, #rille.random(1024))
  end)

  it("is another one each time", function()
    local seen = {}
    for _ = 1, 1000 do
      local one = rille.random(8)
      assert.is_nil(seen[one])
      seen[one] = true
    end
  end)

  it("says what it takes", function()
    for _, wrong in ipairs { 0, 1025, 1.5, "4" } do
      assert.has_error(function() rille.random(wrong) end,
        "rille.random takes a number of bytes from 1 to 1024: got " .. wrong)
    end
  end)
end)
