--- Lua patterns as regular expressions.
local regex = require "rille.schema.regex"

describe("regex.of", function()
  it("translates what has an equal", function()
    for pattern, expected in pairs {
      [""] = "", abc = "abc", ["^%u%u$"] = "^[A-Z][A-Z]$", ["^%d+%.%d*$"] = "^[0-9]+\\.[0-9]*$", ["a-b"] = "a*?b", ["^[%w_]+$"] = "^[0-9A-Za-z_]+$",
      ["[^%s]"] = "[^ \\t-\\r]", ["%D"] = "[^0-9]", ["."] = "[\\s\\S]", ["(a|b)?"] = "(a\\|b)?", ["[a-z]"] = "[a-z]", ["[]]"] = "[\\]]", ["[^]]"] = "[^\\]]",
      ["[a-]"] = "[a\\-]", ["[-a]"] = "[\\-a]", ["a$b"] = "a\\$b", ["%%"] = "%", ["{}"] = "\\{\\}", ["AB%-%d"] = "AB-[0-9]", ["[%-x]"] = "[\\-x]",
      ["a^"] = "a\\^", ["x/y"] = "x\\/y",
    } do
      assert.equal(expected, regex.of(pattern), pattern)
    end
  end)

  it("says nothing of what has none", function()
    for _, pattern in ipairs { "%b()", "%f[%w]", "(a)%1", "()", "[%S]", "%g", "%z", "[a", "%" } do
      assert.is_nil(regex.of(pattern), pattern)
    end
  end)
end)
