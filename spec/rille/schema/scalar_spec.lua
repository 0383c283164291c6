--- The checks of values that are not made of others.
local rille = require "rille"
local scalar = require "rille.schema.scalar"
local v = require "rille.schema"

local function problem(schema, value, mode)
  local _, problems = schema:parse(value, mode)
  return problems and #problems == 1 and problems[1].code .. ": " .. problems[1].message or nil
end

describe("a scalar", function()
  it("is what holds no other value", function()
    for _, schema in ipairs { v.string(), v.secret(), v.integer(), v.enum { 1 }, v.literal(1), v.any(), v.date() } do
      assert.is_true(scalar.is(schema))
    end
    for _, schema in ipairs { v.object {}, v.array(v.any()), v.map(v.any()), v.union { v.any() }, v.lazy(print) } do
      assert.is_false(scalar.is(schema))
    end
  end)

  it("has one problem, the first", function()
    local sku = v.string { min = 2, max = 4, pattern = "^%d+$", message = "must be digits" }
    for value, expected in pairs {
      x = "min: must be at least 2 characters", xxxxx = "max: must be at most 4 characters",
      ["x\0"] = "format: must not hold the character U+0000", xx = "pattern: must be digits",
    } do
      assert.equal(expected, problem(sku, value))
    end
    assert.equal("type: must be a string", problem(sku, 1))
    assert.equal("type: must be a string, not null", problem(sku, rille.null))
    assert.is_nil(problem(sku, "1234"))
    assert.equal("pattern: does not have the expected form", problem(v.string { pattern = "^a" }, "b"))
  end)

  it("reads aloud", function()
    for message, case in pairs {
      ["must be true or false"] = { v.boolean(), 1 }, ["must be a number"] = { v.number(), "1" },
      ["must be a UUID"] = { v.uuid(), "x" }, ["must be an email address"] = { v.email(), "x" },
      ["must be a date such as 2024-01-31"] = { v.date(), "31.1.2024" },
      ["must be a date and time with its offset such as 2024-01-31T09:30:00Z"] = { v.datetime(), "2024-01-31" },
      ["must be one of: draft, published"] = { v.enum { "draft", "published" }, "x" }, ["must be yes"] = { v.literal "yes", "no" },
      ["must be at most 2^53"] = { v.integer(), 1e300 }, ["must be at least -0.5"] = { v.number { min = -0.5 }, -1 },
    } do
      local _, problems = case[1]:parse(case[2])
      assert.equal(message, problems[1].message)
    end
  end)
end)
