--- Lua patterns.
local pattern = require "rille.schema.pattern"

describe("to_regex", function()
  it("translates what has an equal", function()
    for text, expected in pairs {
      [""] = "", abc = "abc", ["^%u%u$"] = "^[A-Z][A-Z]$", ["^%d+%.%d*$"] = "^[0-9]+\\.[0-9]*$", ["a-b"] = "a*?b", ["^[%w_]+$"] = "^[0-9A-Za-z_]+$",
      ["[^%s]"] = "[^ \\t-\\r]", ["%D"] = "[^0-9]", ["."] = "[\\s\\S]", ["(a|b)?"] = "(a\\|b)\\?", ["[a-z]"] = "[a-z]", ["[]]"] = "[\\]]", ["[^]]"] = "[^\\]]",
      ["[a-]"] = "[a\\-]", ["[-a]"] = "[\\-a]", ["a$b"] = "a\\$b", ["%%"] = "%", ["{}"] = "\\{\\}", ["AB%-%d"] = "AB-[0-9]", ["[%-x]"] = "[\\-x]",
      ["a^"] = "a\\^", ["x/y"] = "x\\/y",
    } do
      assert.equal(expected, pattern.to_regex(text), text)
    end
  end)

  it("says nothing of what has none", function()
    for _, text in ipairs { "%b()", "%f[%w]", "(a)%1", "()", "[%S]", "%g", "%z" } do
      assert.is_nil(pattern.to_regex(text), text)
    end
  end)
end)

-- A malformed pattern fails when string.find reaches the mistake, so a subject of many kinds.
local SUBJECTS = { "", "a", "ab", "aa", "abc", "(a)", "()", "[a]", "%", "x1", "a]b", "^a" }

describe("is_valid", function()
  it("agrees with string.find", function()
    local pieces, state = { "a", ".", "%", "[", "]", "^", "(", ")", "*", "-", "%b", "%f", "%1", "$", "%a", "x" }, 7
    for _ = 1, 20000 do
      local text = {}
      for i = 1, 5 do
        state = (state * 1103515245 + 12345) % 2 ^ 31
        text[i] = pieces[math.floor(state / 65536) % #pieces + 1]
      end
      text = table.concat(text, "", 1, math.floor(state / 7) % 5 + 1)
      if pattern.is_valid(text) then
        for _, subject in ipairs(SUBJECTS) do
          local ok, err = pcall(string.find, subject, text)
          assert.is_true(ok, ("%q on %q: %s"):format(text, subject, tostring(err)))
        end
      end
    end
  end)

  it("refuses what string.find would stumble over", function()
    for _, text in ipairs { "%", "a%", "[", "a[", "[a", "[]", "[^]", "[%", "(", ")", "a)", "(a", "((a)", "%1", "(a%1)", "(a)%2", "%b", "%bx", "%f", "%fa", "%f[a" } do
      assert.is_false(pattern.is_valid(text), text)
    end
  end)

  it("takes what string.find takes", function()
    for _, text in ipairs { "", "^", "$", "]", "}", "*", "%%", "[]]", "[^]]", "[%]]", "[a-]", "(a)%1", "()", "((a)(b))%3", "%b()", "%f[%w]", "[[]", "^%u%u%-%d+$" } do
      assert.is_true(pattern.is_valid(text), text)
      for _, subject in ipairs(SUBJECTS) do
        assert.is_true((pcall(string.find, subject, text)))
      end
    end
  end)
end)
