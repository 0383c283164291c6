--- Values without their secrets.
local rille = require "rille"
local v = require "rille.schema"

describe("mask", function()
  it("hides secrets wherever they lie", function()
    local account = v.object { name = v.string(), key = v.secret() }
    local schema = v.object {
      key = v.secret(), none = v.secret():nullable(), list = v.array(v.secret()), accounts = v.map(account),
      either = v.union { v.integer(), v.secret() }, lazy = v.lazy(function() return account end), plain = v.string(),
    }
    local value = {
      key = "s1", none = rille.null, list = rille.array { "s2" }, accounts = { a = { name = "n", key = "s3" } }, either = "s4",
      lazy = { name = "m", key = "s5" }, plain = "p", other = 1,
    }
    assert.same({
      key = "***", none = rille.null, list = { "***" }, accounts = { a = { name = "n", key = "***" } }, either = "***",
      lazy = { name = "m", key = "***" }, plain = "p", other = 1,
    }, schema:mask(value))
    assert.equal("s1", value.key)
    assert.equal("***", v.secret():mask "x")
    assert.equal("x", v.string():mask "x")
    assert.equal(false, v.object { f = v.boolean() }:mask({ f = false }).f)
  end)
end)
