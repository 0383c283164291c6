--- What compiling makes of large, deep, recursive and hostile things.
local rille = require "rille"
local v = require "rille.schema"

local decode, null = rille.json.decode, rille.null

local tree
tree = v.object {
  value = v.integer(), children = v.array(v.lazy(function() return tree end)):optional(),
  next = v.lazy(function() return tree end):optional(),
}

-- { value = 1, next = { value = 1, next = … } }, `levels` tables deep.
local function chain(levels, last)
  local value = last or { value = 1 }
  for _ = 2, levels do
    value = { value = 1, next = value }
  end
  return value
end

describe("recursive schemas", function()
  it("check every level", function()
    local value = decode '{"value":1,"children":[{"value":2,"next":{"value":3}},{"value":4,"children":[]}]}'
    assert.same(value, (tree:parse(value)))
    local _, problems = tree:parse(decode '{"value":1,"children":[{"value":2},{"value":3,"next":{"value":"x"}}]}')
    assert.equal("children[1].next.value", problems[1].path)
    assert.equal("must be an integer", problems[1].message)
  end)

  it("go as deep as JSON may, and not deeper", function()
    assert.is_truthy((tree:parse(chain(512))))
    local result, problems = tree:parse(chain(513))
    assert.is_nil(result)
    assert.equal(1, #problems)
    assert.equal("depth", problems[1].code)
    assert.is_true(#problems[1].path <= 192)
    assert.equal("depth", select(2, tree:parse(chain(20000)))[1].code)
    local cycle = { value = 1 }
    cycle.next = cycle
    assert.equal("depth", select(2, tree:parse(cycle))[1].code)
  end)

  it("may refer to each other", function()
    local a, b
    b = v.array(v.lazy(function() return a end))
    a = v.object { list = b:optional(), one = v.lazy(function() return b end):optional() }
    local value = decode '{"list":[{},{"one":[{}]}],"one":[]}'
    assert.same(value, (a:parse(value)))
    assert.equal("list[0].one[0]", select(2, a:parse(decode '{"list":[{"one":[1]}]}'))[1].path)
  end)

  it("carry what is said of v.lazy, and of what it leads to", function()
    local target = v.integer { min = 1 }:nullable():default(5)
    local schema = v.object { a = v.lazy(function() return target end), b = v.lazy(function() return target end):optional() }
    assert.same({ a = 5 }, (schema:parse {}))
    assert.same({ a = null, b = 1 }, (schema:parse { a = null, b = 1 }))
    assert.equal("a", select(2, schema:parse { a = 0 })[1].path)
  end)

  it("say where they are wrong", function()
    assert.error_matches(function() v.lazy(function() return "x" end):parse(1) end,
      "the function of v.lazy at .*compile_spec.lua:%d+ must return a schema, and returned a string")
    local loop
    loop = v.lazy(function() return loop end)
    assert.error_matches(function() loop:parse(1) end, "leads only to itself")
    local union
    union = v.union { v.integer(), v.lazy(function() return union end) }
    assert.error_matches(function() union:parse(1) end, "is a member of itself")
    local function fresh() return v.object { inner = v.lazy(fresh):optional() } end
    assert.error_matches(function() fresh():parse {} end, "new schema at each call")
    assert.error_matches(function() fresh():json_schema() end, "new schema at each call")
  end)
end)

describe("recursive unions", function()
  -- Nothing tells the members apart: each level tries both, and without memory
  -- the last of 100 levels would be tried 2^100 times.
  local expression
  local function inner() return v.lazy(function() return expression end) end
  expression = v.union {
    v.integer(), v.object { arg = inner(), a = v.boolean() }, v.object { arg = inner(), b = v.boolean() },
    v.array(inner()),
  }
  local function nested(levels, last)
    local value = last
    for _ = 1, levels do
      value = { arg = value, b = true }
    end
    return value
  end

  it("try each value once with each member", function()
    local before = os.clock()
    assert.same(nested(100, 1), (expression:parse(nested(100, 1))))
    local result, problems = expression:parse(nested(100, "x"))
    assert.is_nil(result)
    assert.equal("union", problems[1].code)
    assert.is_true(os.clock() - before < 2)
  end)

  it("end at the bound of depth, without a stack overflow", function()
    assert.is_truthy((expression:parse(nested(511, 1))))
    assert.is_nil((expression:parse(nested(600, 1))))
    local lists = rille.array { "x" }
    for _ = 1, 511 do
      lists = rille.array { lists }
    end
    local result, problems = expression:parse(lists)
    assert.is_nil(result)
    assert.is_true(#problems >= 1)
  end)

  it("end there in a coroutine as well, and in text", function()
    coroutine.wrap(function()
      assert.is_nil((expression:parse(nested(600, 1), "text")))
      assert.is_truthy((expression:parse(nested(500, "1"), "text")))
    end)()
  end)
end)

describe("an object of 1,000 fields", function()
  local fields, value = {}, {}
  for i = 1, 1000 do
    fields["field" .. i], value["field" .. i] = v.string { min = 1, pattern = function() return true end }, "x"
  end
  local schema = v.object(fields)

  it("is checked like any other", function()
    assert.same(value, (schema:parse(value)))
    assert.same(value, (schema:parse(value, "text")))
    value.field500 = ""
    assert.equal("field500", select(2, schema:parse(value))[1].path)
    value.field500 = "x"
  end)

  it("lists 100 problems and says that there are more", function()
    local _, problems = schema:parse {}
    assert.equal(101, #problems)
    assert.equal("more", problems[101].code)
  end)
end)

describe("hostile values", function()
  local schema = v.object {
    s = v.string { max = 10 }:optional(), list = v.array(v.object { n = v.integer() }):optional(),
    map = v.map(v.string { max = 3, pattern = "^%l+$" }, v.integer()):optional(), u = v.union { v.integer(), v.email() }:optional(),
  }
  it("of any type never raise", function()
    local raising = setmetatable({}, {
      __index = function() error "called" end, __tostring = function() error "called" end, __len = function() error "called" end,
      __eq = function() error "called" end, __lt = function() error "called" end, __call = function() error "called" end,
    })
    local values = { "", "\0", "\255", ("x"):rep(1e6), 0, -0, 0 / 0, 1 / 0, true, null, {}, rille.array {}, { 1 }, raising, print,
      coroutine.create(print), { [raising] = 1 }, { [1.5] = 1, [true] = 2, ["\255\0"] = 3, [print] = 4 }, newproxy(true),
      setmetatable({}, { __metatable = "locked" }) }
    for _, mode in ipairs { "json", "text", "headers", "output", "shape" } do
      for _, one in ipairs(values) do
        for _, value in ipairs { one, { s = one }, { list = one }, { list = { one } }, { map = one }, { map = { a = one } }, { u = one } } do
          local _, problems = schema:parse(value, mode)
          if problems then
            rille.json.encode(problems) -- valid UTF-8, and a list
          end
        end
      end
    end
  end)

  it("of many mistakes cost no more than reading them", function()
    local list, keys, map = {}, {}, {}
    for i = 1, 50000 do
      list[i], keys["key" .. i], map["KEY" .. i] = { n = "x" }, 1, "x"
    end
    local before = os.clock()
    assert.equal(101, #select(2, schema:parse { list = list }))
    assert.equal(101, #select(2, schema:parse(keys)))
    assert.equal(101, #select(2, schema:parse { map = map }))
    assert.is_true(os.clock() - before < 2)
  end)

  it("have keys checked too", function()
    local _, problems = schema:parse { map = { ["a b"] = 1 } }
    assert.equal('map["a b"]', problems[1].path)
    assert.equal("key", problems[1].code)
    assert.is_truthy((schema:parse { map = { abc = 1 } }))
  end)
end)
