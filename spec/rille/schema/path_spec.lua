--- Paths of places in a value.
local format = require "rille.schema.format"
local path = require "rille.schema.path"

describe("a path", function()
  it("is written as the JSON decoder writes it", function()
    for text, keys in pairs {
      [""] = {}, items = { "items" }, ["items[2].qty"] = { "items", 2, "qty" }, ["[0]"] = { 0 }, ["[0][1]"] = { 0, 1 },
      ['["a b"]'] = { "a b" }, ['x["a.b"].c'] = { "x", "a.b", "c" }, ['[""]'] = { "" }, ["größe"] = { "größe" },
      ['["a?b"]'] = { "a\nb" }, ["__index"] = { "__index" }, ['["<script>"]'] = { "<script>" },
    } do
      assert.equal(text, path.text(keys, #keys))
    end
    assert.equal("items[2].qty", path.text({ "items", 2, "stale" }, 2, "qty"))
  end)

  it("is valid UTF-8 and short, whatever the key", function()
    for _, key in ipairs { "\255\254", ("x"):rep(1e6), ("ä"):rep(1e5), ("\128"):rep(1e5), "\27[31m", "\0" } do
      local text = path.text({ key, key, key }, 3, key)
      assert.is_true(format.is_utf8(text))
      assert.is_true(#text <= 192)
      assert.is_nil(text:find "%c")
    end
    local many = {}
    for i = 1, 512 do
      many[i] = "level"
    end
    local text = path.text(many, 512)
    assert.equal("...", text:sub(-3))
    assert.is_true(#text <= 192)
  end)

  it("calls no metamethod of a key", function()
    local key = setmetatable({}, { __tostring = function() error "called" end })
    assert.equal('["a table"]', path.text({}, 0, key))
  end)
end)
