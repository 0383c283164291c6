--- Mistakes in definitions: they raise where they were made, and say how to mend them.
local v = require "rille.schema"

local function line_of(fn)
  return debug.getinfo(fn, "S").linedefined
end

describe("a mistake in a definition", function()
  local cases = {
    { "field name: expected a schema, got a string", function() v.object { name = "string" } end },
    { "field name: expected a schema, got a function: write v.string()", function() v.object { name = v.string } end },
    { "the name of a field is a text, got 1", function() v.object { v.string() } end },
    { "v.object takes a table of fields", function() v.object() end },
    { "v.object takes a table of fields", function() v.object(v.string()) end },
    { 'v.object: unknown must be "refuse", "keep" or "drop", got yes', function() v.object({}, { unknown = "yes" }) end },
    { "v.string has no option 'mim': there are max, message, min, nul, pattern", function() v.string { mim = 1 } end },
    { "v.string: its options are a table, as in { max = … }, got a number", function() v.string(5) end },
    { "v.string: its options are a table, as in { max = … }, got a schema", function() v.string(v.string()) end },
    { "v.string: min must be a count, 0 or more, got -1", function() v.string { min = -1 } end },
    { "v.string: max must be a count, 0 or more, got 1.5", function() v.string { max = 1.5 } end },
    { "v.string: min is 3 and max is 1: no value is both", function() v.string { min = 3, max = 1 } end },
    { "v.string: pattern must be a Lua pattern, or a function of the text, got [a", function() v.string { pattern = "[a" } end },
    { "v.string: a pattern may take very long", function() v.string { pattern = "x", max = 1001 } end },
    { "v.secret: nul must be true or false", function() v.secret { nul = 1 } end },
    { "v.integer: min must be a number, got 1", function() v.integer { min = "1" } end },
    { "v.number: max must be a number, got", function() v.number { max = 0 / 0 } end },
    { "v.uuid takes no options", function() v.uuid { version = 4 } end },
    { "v.boolean takes no options", function() v.boolean "x" end },
    { "v.date: min must be a date such as 2024-01-31, got 2024-02-30", function() v.date { min = "2024-02-30" } end },
    { "v.datetime: max must be a date and time such as", function() v.datetime { max = "2024-01-31" } end },
    { "v.date: min is 2024-01-02 and max is 2024-01-01", function() v.date { min = "2024-01-02", max = "2024-01-01" } end },
    { "v.array: expected a schema, got nil", function() v.array() end },
    { "v.array: expected a schema, got a table", function() v.array { v.string() } end },
    { "v.array: cannot be optional or have a default", function() v.array(v.string():optional()) end },
    { "v.array has no option 'size': there are max, min", function() v.array(v.string(), { size = 1 }) end },
    { "v.map: expected a schema, got nil", function() v.map() end },
    { "v.map: its keys are texts, and v.integer is none", function() v.map(v.integer(), v.string()) end },
    { "v.enum takes a list of values", function() v.enum {} end },
    { "v.enum takes a list of values", function() v.enum "draft" end },
    { "v.enum: value 2 must be a text, a number or a boolean, got a table", function() v.enum { 1, {} } end },
    { "v.enum: a comes twice", function() v.enum { "a", "b", "a" } end },
    { "v.literal takes a value", function() v.literal() end },
    { "v.union takes a list of schemas", function() v.union(v.string(), v.integer()) end },
    { "v.union's member 2: expected a schema, got a string", function() v.union { v.string(), "integer" } end },
    { "v.union's member 1: cannot be optional", function() v.union { v.string():default "x" } end },
    { "v.lazy takes a function", function() v.lazy(v.string()) end },
    { "optional is called with a colon: schema:optional", function() v.string().optional() end },
    { "default takes a value", function() v.string():default() end },
    { "the default is not valid: it must be an integer", function() v.integer():default "1" end },
    { "the default is not valid: %[1%] must be an integer", function() v.array(v.integer()):default { 1, "x" } end },
    { "partial is for objects: this is v.string", function() v.string():partial() end },
    { "refine takes a function", function() v.string():refine "x" end },
    { "refine takes a message second", function() v.string():refine(print, 1) end },
    { "describe takes a text", function() v.string():describe(1) end },
    { "no mode 'yaml': there are headers, json, output, shape, text", function() v.string():parse("", "yaml") end },
    { "no mode 'yaml'", function() v.string():compile "yaml" end },
  }
  for _, case in ipairs(cases) do
    it("says: " .. case[1], function()
      local ok, err = pcall(case[2])
      assert.is_false(ok)
      local expected = ("option_spec.lua:%d: "):format(line_of(case[2]))
      assert.is_truthy(err:find(expected, 1, true), err)
      assert.is_truthy(err:find(case[1], 1, true) or err:find(case[1]), err)
    end)
  end
end)
