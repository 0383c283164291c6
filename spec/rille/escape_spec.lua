-- Escapers: tables of values and what must come out.
local escape = require "rille.escape"
local rille = require "rille"

describe("rille.escape", function()
  local function check(name, cases)
    for value, expected in pairs(cases) do
      assert.equal(expected, escape[name](value))
    end
  end

  it("makes entities of what HTML gives a meaning to", function()
    for _, name in ipairs { "html", "attribute" } do
      check(name, {
        [""] = "", plain = "plain", ["a & b"] = "a &amp; b", ["<i>"] = "&lt;i&gt;", ["it's"] = "it&#39;s",
        ['"'] = "&quot;", ["&amp;"] = "&amp;amp;", ["é<"] = "é&lt;", ["<<<"] = "&lt;&lt;&lt;", ["a\0<"] = "a\0&lt;",
      })
    end
  end)

  it("prints numbers in full, booleans, and nothing for null", function()
    assert.equal("9007199254740991", escape.html(9007199254740991))
    assert.equal("-9007199254740992", escape.html(-9007199254740992))
    assert.equal("12.5", escape.html(12.5))
    assert.equal("false", escape.html(false))
    assert.equal("", escape.html(rille.null))
    assert.equal("a&lt;b", escape.html(setmetatable({}, { __tostring = function() return "a<b" end })))
  end)

  it("refuses what cannot be printed, at the caller's line", function()
    local names = {
      "text", "html", "attribute", "url", "url_component", "js", "js_attribute", "js_string", "css", "css_string",
      "css_url",
    }
    for _, name in ipairs(names) do
      local ok, err = pcall(function()
        local text = escape[name](nil, "user.name")
        return text
      end)
      assert.is_false(ok)
      assert.matches("^[^ ]*escape_spec.lua:%d+: user.name is nil", err)
    end
    assert.error_matches(function() escape.html({}) end, "the value is a table: print one of its fields")
    assert.error_matches(function() escape.html(print) end, "is a function: call it")
    local _, err = pcall(function() escape.js(print, "x") end)
    assert.matches("escape_spec.lua:%d+: x cannot be written as JSON", err)
  end)

  it("lets no URL run", function()
    local unsafe = {
      "javascript:alert(1)", "JavaScript:alert(1)", " javascript:x", "java\tscript:x", "java\nscript:x", "\1javascript:x",
      "\0javascript:x", "vbscript:x", "data:text/html,<script>", "blob:x", "file:///etc/passwd", "javascript\r\n:x", "x:y",
      ":x",
    }
    for _, url in ipairs(unsafe) do
      assert.equal(escape.UNSAFE_URL, escape.url(url))
      assert.is_false(escape.is_safe_url(url))
    end
    check("url", {
      ["/a?b=c&d=e#f"] = "/a?b=c&amp;d=e#f", ["https://x.org/ä"] = "https://x.org/%C3%A4", ["//x"] = "//x",
      ["mailto:a@b"] = "mailto:a@b", ["tel:+1"] = "tel:+1", ["HTTP://X"] = "HTTP://X", ["a b"] = "a%20b",
      ["/a:b"] = "/a:b", ["?javascript:"] = "?javascript:", ["%41"] = "%41", ['"\'<>`\\'] = "%22&#39;%3C%3E%60%5C",
      ["a.png,b"] = "a.png,b", [""] = "",
    })
  end)

  it("makes one component of whatever is in a component", function()
    check("url_component", {
      ["a b/c?d&e=f#g"] = "a%20b%2Fc%3Fd%26e%3Df%23g", ["é"] = "%C3%A9", ["a-._~Z9"] = "a-._~Z9", ["\0"] = "%00",
      ["javascript:"] = "javascript%3A",
    })
  end)

  it("writes values for scripts that end neither them nor a line", function()
    check("js", {
      ["</script>"] = '"\\u003c/script\\u003e"', ["<!--"] = '"\\u003c!--"', ["a\226\128\168b\226\128\169"] = '"a\\u2028b\\u2029"',
      ["\226\128\170"] = '"\226\128\170"', ["'&"] = '"\\u0027\\u0026"', ['"\\'] = '"\\"\\\\"', [5] = "5", [true] = "true",
    })
    assert.equal("null", escape.js(rille.null))
    assert.equal("[]", escape.js(rille.array {}))
    assert.equal('{"a":"\\u003c"}', escape.js { a = "<" })
    assert.equal("&quot;a&quot;", escape.js_attribute "a")
    assert.same({ a = "</script>'&\226\128\168" }, rille.json.decode(escape.js { a = "</script>'&\226\128\168" }))
  end)

  it("leaves nothing in a script's string that could end it", function()
    check("js_string", {
      ["';alert(1)//"] = "\\u0027\\u003balert\\u00281\\u0029\\u002f\\u002f", ["a b_c9é"] = "a b_c9é", ["\\"] = "\\u005c",
      ["${`"] = "\\u0024\\u007b\\u0060", ["\n\r"] = "\\u000a\\u000d", ["\226\128\168"] = "\\u2028",
    })
  end)

  it("lets only words, numbers and colours into a style", function()
    check("css", {
      ["#fff"] = "#fff", ["12.5px"] = "12.5px", ["-1em"] = "-1em", ["red, blue"] = "red, blue", ["50%"] = "50%",
      ["expression(1)"] = "unsafe", ["a;b"] = "unsafe", ["}"] = "unsafe", ["</style>"] = "unsafe", ["a:b"] = "unsafe",
      ["\\65"] = "unsafe", ["/**/"] = "unsafe", ["é"] = "unsafe", ["a\nb"] = "unsafe", ['"'] = "unsafe", ["@import"] = "unsafe",
    })
    check("css_string", { ['a"b'] = "a\\22 b", ["</style>"] = "\\3c \\2f style\\3e ", ["\n"] = "\\a ", ["\\"] = "\\5c " })
    check("css_url", { ["javascript:x"] = "about\\3a invalid\\23 unsafe", ["/a.png"] = "\\2f a\\2e png" })
  end)

  it("takes time in proportion to the value", function()
    local values = { ("<"):rep(2 ^ 20), (" "):rep(2 ^ 20), ("&"):rep(2 ^ 20) .. ":", ("\226\128"):rep(2 ^ 19), ("a"):rep(2 ^ 20) }
    local start = os.clock()
    for _, value in ipairs(values) do
      for _, name in ipairs { "html", "url", "url_component", "js_string", "css", "css_string", "css_url" } do
        escape[name](value)
      end
    end
    assert.is_true(os.clock() - start < 20) -- quadratic would be hours
  end)

  it("makes Lua literals that are what they were", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local text = table.concat(bytes) .. "1\n2"
    assert.equal(text, assert(load("return " .. escape.lua(text)))())
    assert.is_nil(escape.lua(text):find("\n", 1, true))
  end)
end)
