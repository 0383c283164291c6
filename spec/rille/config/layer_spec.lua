local core = require "rille.core"
local layer = require "rille.config.layer"
local v = require "rille.schema"

-- What C makes of { wechat = { appid = "file", hosts = { "a", "b" } } }
local REST = {
  { depth = 0, key = "wechat", line = 2 }, { depth = 1, key = "appid", value = "file", line = 3 },
  { depth = 1, key = "hosts", line = 4 }, { depth = 2, value = "a", line = 4 }, { depth = 2, value = "b", line = 4 },
  { depth = 0, key = "empty", line = 6 }, { depth = 0, key = "on", value = false, line = 7 }, { depth = 0, key = "n", value = 1 },
}

local function gather(node, name, environment)
  local reading = layer.new("c.lua", function(variable)
    return (environment or {})[variable]
  end)
  return reading:gather(node, name, layer.read_file(REST).fields[name]), reading
end

describe("the layers of a setting", function()
  local WECHAT = v.object { appid = v.string(), secret = v.secret(), hosts = v.array(v.string()):optional() }

  it("read the file's tables and lists", function()
    local value, reading = gather(WECHAT, "wechat")
    assert.same({ appid = "file", hosts = { "a", "b" } }, value)
    assert.equal("c.lua:3", (reading:place_of "wechat.appid"))
    assert.equal("c.lua:2", (reading:place_of "wechat.secret"))
    assert.same({ "c.lua:4", "b" }, { reading:place_of "wechat.hosts[1]" })
    assert.equal(false, (gather(v.boolean(), "on")))
    assert.same({}, (gather(v.array(v.string()), "empty")))
    assert.equal("c.lua", (select(2, gather(v.integer(), "n")):place_of "n"))
  end)

  it("let the environment win, field by field", function()
    local value, reading = gather(WECHAT, "wechat", { WECHAT_APPID = "env", WECHAT_SECRET = "hush" })
    assert.same({ appid = "env", secret = "hush", hosts = { "a", "b" } }, value)
    assert.same({ "WECHAT_APPID", "env" }, { reading:place_of "wechat.appid" })
  end)

  it("read texts of the environment as what the schema wants", function()
    for _, case in ipairs {
      { v.integer(), "42", 42 }, { v.integer(), "forty", "forty" }, { v.number(), "1.5", 1.5 }, { v.boolean(), "true", true },
      { v.boolean(), "false", false }, { v.string(), "42", "42" }, { v.string(), "", "" }, { v.integer(), "", nil },
      { v.string { min = 1 }, "", nil }, { v.enum { 1, 2 }, "2", 2 }, { v.string(), "{x}", "{x}" },
      { v.array(v.integer()), "1, 2,x", { 1, 2, "x" } }, { v.array(v.string()), "", {} },
      { v.array(v.string()), '["a,b"]', { "a,b" } }, { v.map(v.integer()), '{"a":1}', { a = 1 } },
      { v.map(v.integer()), "{a", "{a" }, { v.array(v.object { a = v.integer() }), '[{"a":1}]', { { a = 1 } } },
    } do
      assert.same(case[3], (gather(case[1], "x", { X = case[2] })))
    end
  end)

  it("keep an empty list a list", function()
    assert.equal("[]", core.json_encode((gather(v.array(v.string()), "x", { X = "" }))))
  end)

  it("leave an optional object out, unless something in it is set", function()
    local object = v.object { a = v.string(), b = v.integer() }
    assert.is_nil((gather(object:optional(), "x")))
    assert.is_nil((gather(object:default { a = "a", b = 1 }, "x")))
    assert.same({}, (gather(object, "x")))
    assert.same({ b = 1 }, (gather(object:optional(), "x", { X_B = "1" })))
  end)

  it("end for a schema that leads to itself", function()
    local tree
    tree = v.object { name = v.string(), inner = v.lazy(function() return tree end):optional() }
    assert.same({ name = "a", inner = { name = "b" } }, (gather(tree, "t", { T_NAME = "a", T_INNER_NAME = "b" })))
    assert.is_true(#layer.leaves(tree, "t") < 20)
  end)
end)
