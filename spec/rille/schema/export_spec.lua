--- Schemas as JSON Schema.
local rille = require "rille"
local v = require "rille.schema"

local function exported(schema)
  local out = schema:json_schema()
  assert.equal("https://json-schema.org/draft/2020-12/schema", out["$schema"])
  out["$schema"] = nil
  return out
end

describe("json_schema", function()
  it("knows every kind", function()
    for _, case in ipairs {
      { v.string { min = 1, max = 5 }, { type = "string", minLength = 1, maxLength = 5 } },
      { v.string { pattern = "^%u+$", max = 9 }, { type = "string", pattern = "^[A-Z]+$", maxLength = 9 } },
      { v.string { pattern = "%b()" }, { type = "string", maxLength = 1000 } },
      { v.string { pattern = print }, { type = "string" } },
      { v.secret(), { type = "string", format = "password", writeOnly = true } },
      { v.integer { min = 1, max = 2 }, { type = "integer", minimum = 1, maximum = 2 } },
      { v.number { min = 0.5 }, { type = "number", minimum = 0.5 } },
      { v.boolean(), { type = "boolean" } }, { v.any(), {} },
      { v.date(), { type = "string", format = "date" } }, { v.datetime(), { type = "string", format = "date-time" } },
      { v.uuid(), { type = "string", format = "uuid" } }, { v.email(), { type = "string", format = "email" } },
      { v.enum { "a", 1, true }, { enum = { "a", 1, true } } }, { v.literal(false), { const = false } },
      { v.array(v.integer(), { min = 1, max = 2 }), { type = "array", items = { type = "integer" }, minItems = 1, maxItems = 2 } },
      { v.map(v.uuid(), v.integer(), { max = 3 }), { type = "object", additionalProperties = { type = "integer" },
        propertyNames = { type = "string", format = "uuid" }, maxProperties = 3 } },
      { v.union { v.integer(), v.boolean() }, { anyOf = { { type = "integer" }, { type = "boolean" } } } },
    } do
      assert.same(case[2], exported(case[1]), case[1].kind)
    end
  end)

  it("says which fields of an object there must be", function()
    local out = exported(v.object { a = v.integer(), b = v.integer():optional(), c = v.integer():default(0), d = v.integer():nullable() })
    assert.same({ "a", "d" }, out.required)
    assert.equal(false, out.additionalProperties)
    assert.equal(0, out.properties.c.default)
    assert.equal(nil, exported(v.object({}, { unknown = "drop" })).additionalProperties)
    assert.is_nil(exported(v.object {}).required)
  end)

  it("knows null, descriptions and defaults", function()
    assert.same({ type = { "string", "null" } }, exported(v.string():nullable()))
    assert.same({ enum = { "a", rille.null } }, exported(v.enum { "a" }:nullable()))
    assert.same({ anyOf = { { const = 1 }, { type = "null" } } }, exported(v.literal(1):nullable()))
    assert.same({ type = "integer", description = "How many", default = 1 }, exported(v.integer():describe "How many":default(1)))
    assert.same({ type = "integer" }, exported(v.integer():default(function() return 1 end)))
  end)

  it("never shows a secret", function()
    local schema = v.object { key = v.secret():default "hunter2", all = v.object { inner = v.secret() }:default { inner = "hunter2" } }
    local text = rille.json.encode(schema:json_schema())
    assert.is_nil(text:find "hunter2")
    assert.is_truthy(text:find("***", 1, true))
  end)

  it("defines what refers to itself, once", function()
    local tree
    tree = v.object { children = v.array(v.lazy(function() return tree end, "tree")), left = v.lazy(function() return tree end):nullable() }
    local out = exported(v.object { root = tree })
    assert.same({ ["$ref"] = "#/$defs/tree" }, out.properties.root.properties.children.items)
    assert.same({ anyOf = { { ["$ref"] = "#/$defs/tree" }, { type = "null" } } }, out["$defs"].tree.properties.left)
    local other = v.lazy(function() return v.integer() end, "tree")
    out = exported(v.object { a = tree, b = other })
    local names = {}
    for name in pairs(out["$defs"]) do
      names[#names + 1] = name
    end
    assert.equal(2, #names)
  end)

  it("can be encoded", function()
    assert.equal("string", type(rille.json.encode(v.object { a = v.array(v.enum { 1 }):default {} }:json_schema())))
  end)
end)
