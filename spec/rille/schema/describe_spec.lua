--- What can be said of a schema without a value.
local describe_schema = require "rille.schema.describe"
local v = require "rille.schema"

describe("noun", function()
  it("is what a value must be", function()
    local many = {}
    for i = 1, 15 do
      many[i] = "v" .. i
    end
    for noun, schema in pairs {
      ["a string"] = v.secret(), ["true or false"] = v.boolean(), ["one of: a, 1"] = v.enum { "a", 1 }, ["x"] = v.literal "x",
      ["an integer, a string or an array"] = v.union { v.integer(), v.union { v.string(), v.array(v.any()) }, v.secret() },
      ["an object"] = v.lazy(function() return v.map(v.any()) end),
      ["one of: v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12 and 3 more"] = v.enum(many),
    } do
      assert.equal(noun, describe_schema.noun(schema))
    end
  end)
end)

describe("tag", function()
  local function object(kind, more) return v.object { kind = kind, more = more or v.any() } end
  it("is a field that holds another literal in each member", function()
    assert.equal("kind", (describe_schema.tag(v.union { object(v.literal "a"), object(v.literal(1)) })))
    assert.equal("kind", (describe_schema.tag(v.union { object(v.literal "a"), v.lazy(function() return object(v.literal "b") end) })))
  end)
  it("or there is none", function()
    for _, members in ipairs {
      { object(v.literal "a"), object(v.literal "a") }, { object(v.literal "a"), object(v.string()) }, { object(v.literal "1"), object(v.literal(1)) },
      { object(v.literal "a"), object(v.literal "b"):nullable() }, { object(v.literal "a"), object(v.literal "b":optional()) },
      { object(v.literal "a"), v.integer() }, { v.integer(), v.string() },
    } do
      assert.is_nil((describe_schema.tag(v.union(members))))
    end
  end)
end)
