--- Schemas, as apps use them: tables of values for every type, in both modes.
local rille = require "rille"
local v = require "rille.schema"

local decode, encode, null = rille.json.decode, rille.json.encode, rille.null

-- "path code; path code" of what is wrong, or nil.
local function wrong(schema, value, mode)
  local result, problems = schema:parse(value, mode)
  if not problems then
    return nil
  end
  assert.is_nil(result)
  local texts = {}
  for i, problem in ipairs(problems) do
    assert.is_true(#problem.message > 0)
    texts[i] = problem.path == "" and problem.code or problem.path .. " " .. problem.code
  end
  return table.concat(texts, "; ")
end

local function message(schema, value, mode)
  local _, problems = schema:parse(value, mode)
  return problems and problems[1].message
end

local function takes(schema, values, mode)
  for _, value in ipairs(values) do
    assert.is_nil(wrong(schema, value, mode), tostring(value))
  end
end

local function refuses(schema, code, values, mode)
  for _, value in ipairs(values) do
    assert.equal(code, wrong(schema, value, mode), tostring(value))
  end
end

describe("JSON values are not coerced", function()
  local cases = {
    { v.string(), { "", "x", "0", "ä" }, { 1, true, null, {}, rille.array {} } },
    { v.secret(), { "", "x" }, { 1, true, null, {} } },
    { v.integer(), { 0, -1, 1e15, 2 ^ 53, -2 ^ 53 }, { "1", 1.5, true, null, {}, 0 / 0, 1 / 0, -1 / 0 } },
    { v.number(), { 0, -1.5, 1e300 }, { "1", true, null, {}, 0 / 0, 1 / 0, -1 / 0 } },
    { v.boolean(), { true, false }, { "true", 0, 1, null, "", {} } },
    { v.date(), { "2024-02-29" }, { 20240229, null, true, {} } },
    { v.datetime(), { "2024-02-29T09:30:00Z" }, { 0, null, true, {} } },
    { v.uuid(), { "9c0b1ef8-bb6d-4bb9-bd38-0a11f0b2c3d4" }, { 0, null, true, {} } },
    { v.email(), { "ann@example.com" }, { 0, null, true, {} } },
    { v.array(v.integer()), { rille.array {}, rille.array { 1, 2 }, { 1, 2 } }, { {}, { a = 1 }, "1", 1, null, { 1, a = 2 } } },
    { v.object {}, { {} }, { rille.array {}, rille.array { 1 }, "{}", 1, true, null } },
    { v.map(v.integer()), { {}, { a = 1, ["b c"] = 2 } }, { rille.array {}, "x", 1, null } },
  }
  for _, case in ipairs(cases) do
    it("of " .. case[1].kind, function()
      takes(case[1], case[2])
      refuses(case[1], "type", case[3])
      takes(case[1]:nullable(), { null })
      assert.equal(null, (case[1]:nullable():parse(null)))
    end)
  end

  it("nor are the choices of enum and literal", function()
    local enum = v.enum { "draft", "published", 1, false }
    takes(enum, { "draft", "published", 1, false })
    refuses(enum, "enum", { "Draft", "1", "false", true, 2, null, {}, "", "__index", "constructor", 0 / 0 })
    takes(v.literal "x", { "x" })
    refuses(v.literal(1), "literal", { "1", 2, true, null, {} })
    takes(v.literal(false), { false })
  end)

  it("and any takes whatever there is", function()
    takes(v.any(), { "", 0, false, null, {}, rille.array {} })
    assert.equal("required", wrong(v.any(), nil))
    local value = { a = { 1 } }
    local result = v.any():parse(value)
    assert.same(value, result)
    assert.not_equal(value.a, result.a)
  end)
end)

describe("text fields are coerced", function()
  local schema = v.object {
    s = v.string():optional(), i = v.integer():optional(), n = v.number():optional(), b = v.boolean():optional(),
    d = v.date():optional(), at = v.datetime():optional(), u = v.uuid():optional(), e = v.enum { "a", "b", 1, true }:optional(),
    l = v.literal(5):optional(), list = v.array(v.integer()):optional(), words = v.array(v.string()):optional(),
    any = v.union { v.integer(), v.string() }:optional(),
  }
  local taken = {
    { "s", "12", "12" }, { "s", "", "" }, { "i", "12", 12 }, { "i", "-3", -3 }, { "n", "1.5", 1.5 }, { "n", "2e3", 2000 },
    { "b", "true", true }, { "b", "0", false }, { "b", "on", true }, { "d", "2024-02-29", "2024-02-29" },
    { "at", "2024-02-29T09:30:00Z", "2024-02-29T09:30:00Z" }, { "e", "a", "a" }, { "e", "1", 1 }, { "e", "true", true }, { "l", "5", 5 },
    { "i", { "12" }, 12 }, { "s", { "x" }, "x" }, { "any", "12", 12 }, { "any", "x", "x" }, { "any", { "7" }, 7 },
    { "i", 12, 12 }, { "b", false, false }, -- a settings file holds values already
    { "i", "", nil }, { "n", "", nil }, { "b", "", nil }, { "d", "", nil }, { "e", "", nil }, { "l", "", nil }, { "u", { "" }, nil },
  }
  local refused = {
    { "i", "x", "type" }, { "i", "1.0", "type" }, { "i", " 1", "type" }, { "i", "9007199254740993", "type" }, { "n", "0x10", "type" },
    { "n", "nan", "type" }, { "b", "maybe", "type" }, { "d", "2023-02-29", "format" }, { "e", "c", "enum" }, { "l", "6", "literal" },
    { "i", { "1", "2" }, "repeated" }, { "s", { "1", "2" }, "repeated" }, { "s", "\255", "format" }, { "s", "a\0b", "format" },
  }

  it("and give values", function()
    for _, case in ipairs(taken) do
      local result, problems = schema:parse({ [case[1]] = case[2] }, "text")
      assert.is_nil(problems)
      assert.equal(case[3], result[case[1]], case[1])
    end
  end)

  it("or problems", function()
    for _, case in ipairs(refused) do
      assert.equal(case[1] .. " " .. case[3], wrong(schema, { [case[1]] = case[2] }, "text"))
    end
  end)

  it("with lists of what was given repeatedly", function()
    local result = schema:parse({ list = { "1", "2" }, words = "one" }, "text")
    assert.same({ 1, 2 }, result.list)
    assert.equal('["one"]', encode(result.words))
    assert.equal("list[1] type", wrong(schema, { list = { "1", "x" } }, "text"))
    assert.equal("list[0] type", wrong(schema, { list = "x" }, "text"))
  end)

  it("where an empty field of a form is an absent one", function()
    assert.equal("i required", wrong(v.object { i = v.integer() }, { i = "" }, "text"))
    assert.same({ i = 5 }, (v.object { i = v.integer():default(5) }:parse({ i = "" }, "text")))
    assert.same({ i = null }, (v.object { i = v.integer():nullable() }:parse({ i = "" }, "text")))
    assert.same({ e = "" }, (v.object { e = v.enum { "", "x" } }:parse({ e = "" }, "text")))
  end)

  it("and headers that others read are not looked at", function()
    local headers = v.object { ["x-version"] = v.integer() }
    assert.same({ ["x-version"] = 2 }, (headers:parse({ ["x-version"] = "2", host = "a", accept = "*/*" }, "headers")))
    assert.equal("x-version required", wrong(headers, { host = "a" }, "headers"))
  end)
end)

describe("bounds", function()
  it("of texts count characters", function()
    local schema = v.string { min = 2, max = 4 }
    takes(schema, { "ab", "abcd", "äöüß", "😀😀" })
    refuses(schema, "min", { "", "a", "ä", "😀" })
    refuses(schema, "max", { "abcde", "äöüßä", ("x"):rep(1e6), ("ä"):rep(8) })
    assert.equal("must be at least 1 character", message(v.string { min = 1 }, ""))
    assert.equal("must be at least 2 characters", message(schema, "a"))
    assert.equal("must be at most 4 characters", message(schema, "abcde"))
    takes(v.string { min = 0, max = 0 }, { "" })
  end)

  it("of numbers are included", function()
    takes(v.integer { min = 1, max = 3 }, { 1, 2, 3 })
    refuses(v.integer { min = 1, max = 3 }, "min", { 0, -1e15 })
    refuses(v.integer { min = 1, max = 3 }, "max", { 4, 1e15, 1e300 })
    refuses(v.integer(), "max", { 2 ^ 53 + 2, 1e300 })
    refuses(v.integer(), "min", { -2 ^ 53 - 2, -1e300 })
    takes(v.number { min = -0.5, max = 0.5 }, { -0.5, 0, 0.5 })
    refuses(v.number { min = 0.5 }, "min", { 0.49 })
    assert.equal("must be at least 0.5", message(v.number { min = 0.5 }, 0))
    assert.equal("must be at most 1000000", message(v.integer { max = 1e6 }, 1e6 + 1))
    assert.equal("must be an integer", message(v.integer(), "x"))
    assert.equal("must be an integer, not null", message(v.integer(), null))
  end)

  it("of arrays and maps count what is in them", function()
    local list, map = v.array(v.integer(), { min = 1, max = 2 }), v.map(v.integer(), { min = 1, max = 2 })
    takes(list, { { 1 }, { 1, 2 } })
    refuses(list, "min", { rille.array {} })
    refuses(list, "max", { { 1, 2, 3 }, { "x", "x", "x" } })
    takes(map, { { a = 1 }, { a = 1, b = 2 } })
    refuses(map, "min", { {} })
    refuses(map, "max", { { a = 1, b = 2, c = 3 } })
    assert.equal("must have at least 1 item", message(list, rille.array {}))
    assert.equal("must have at most 2 entries", message(map, { a = 1, b = 2, c = 3 }))
  end)

  it("of dates are dates", function()
    local date = v.date { min = "2024-01-01", max = "2024-12-31" }
    takes(date, { "2024-01-01", "2024-12-31" })
    refuses(date, "min", { "2023-12-31" })
    refuses(date, "max", { "2025-01-01" })
    refuses(date, "format", { "2024-02-30", "" })
    local at = v.datetime { min = "2024-01-01T00:00:00Z" }
    takes(at, { "2024-01-01T01:00:00+01:00" })
    refuses(at, "min", { "2024-01-01T00:30:00+01:00" })
    assert.equal("must not be before 2024-01-01", message(date, "2023-12-31"))
  end)

  it("of a pattern's text come before the pattern", function()
    local sku = v.string { pattern = "^%u%u%-%d+$", message = "must look like AB-123" }
    takes(sku, { "AB-1" })
    refuses(sku, "pattern", { "", "ab-1", "AB-1\n" })
    assert.equal("must look like AB-123", message(sku, "x"))
    local slow = v.string { pattern = "%s+$" }
    refuses(slow, "max", { (" "):rep(1001), (" "):rep(1e6) .. "x" })
    local even = v.string { pattern = function(text) return #text % 2 == 0 end }
    takes(even, { "", ("ab"):rep(1e5) })
    refuses(even, "pattern", { "a" })
  end)

  it("and U+0000 is refused unless it is wanted", function()
    refuses(v.string(), "format", { "\0", "a\0b" })
    takes(v.string { nul = true }, { "\0", "a\0b" })
  end)
end)

describe("presence", function()
  it("is what decides, and not truth", function()
    local schema = v.object { a = v.boolean(), b = v.integer(), c = v.string() }
    assert.same({ a = false, b = 0, c = "" }, (schema:parse { a = false, b = 0, c = "" }))
    assert.equal("a required; b required; c required", wrong(schema, {}))
    assert.equal("required", wrong(schema, nil))
    assert.equal("is required", message(schema, nil))
  end)

  it("may be optional, and optional is not null", function()
    local schema = v.object { a = v.integer():optional() }
    assert.same({}, (schema:parse {}))
    assert.equal("a type", wrong(schema, { a = null }))
    local both = v.object { a = v.integer():optional():nullable() }
    assert.same({ a = null }, (both:parse { a = null }))
    assert.same({}, (both:parse {}))
    assert.is_nil((v.integer():optional():parse(nil)))
    assert.is_nil(wrong(v.integer():optional(), nil))
  end)

  it("has defaults, also false ones, copied at each use", function()
    local n = 0
    local schema = v.object {
      flag = v.boolean():default(false), none = v.string():nullable():default(null), tags = v.array(v.string()):default {},
      deep = v.any():default { a = { 1 } }, count = v.integer():default(function() n = n + 1 return n end),
    }
    local one, two = schema:parse {}, schema:parse {}
    assert.equal(false, one.flag)
    assert.equal(null, one.none)
    assert.equal("[]", encode(one.tags))
    one.deep.a[1] = 2
    one.tags[1] = "x"
    assert.same({ 1 }, two.deep.a)
    assert.same({}, two.tags)
    assert.equal(1, one.count)
    assert.equal(2, two.count)
    assert.equal(true, (schema:parse { flag = true }).flag)
    assert.equal(7, (v.integer():default(7):parse(nil)))
  end)

  it("does not count in a partial object, whose defaults are off", function()
    local schema = v.object { name = v.string { min = 1 }, flag = v.boolean():default(true), note = v.string():nullable() }
    local patch = schema:partial()
    assert.same({}, (patch:parse {}))
    assert.same({ note = null }, (patch:parse { note = null }))
    assert.equal("name min", wrong(patch, { name = "" }))
    assert.equal("other unknown", wrong(patch, { other = 1 }))
    assert.same({ name = "x", flag = true, note = null }, (schema:parse { name = "x", note = null }))
  end)
end)

describe("unknown fields", function()
  local input = { a = 1, b = { 2 }, __index = 3, constructor = 4, [1] = 5 }
  it("are refused, all of them, in order", function()
    local schema = v.object { a = v.integer() }
    assert.equal("[0] unknown; __index unknown; b unknown; constructor unknown", wrong(schema, input))
    assert.equal("is not a known field", message(schema, { a = 1, b = 2 }))
  end)
  it("or kept", function()
    local result = v.object({ a = v.integer() }, { unknown = "keep" }):parse(input)
    assert.same(input, result)
    assert.not_equal(input.b, result.b)
  end)
  it("or dropped", function()
    assert.same({ a = 1 }, (v.object({ a = v.integer() }, { unknown = "drop" }):parse(input)))
  end)
  it("may have names that other languages trip over", function()
    local schema = v.object { __index = v.integer(), constructor = v.integer(), ["end"] = v.integer(), ["a\nb\0001\r\"]]"] = v.integer() }
    local value = { __index = 1, constructor = 2, ["end"] = 3, ["a\nb\0001\r\"]]"] = 4 }
    assert.same(value, (schema:parse(value)))
    assert.equal("__index required; [\"a?b?1?\"]]\"] required; constructor required; end required", wrong(schema, {}))
  end)
end)

describe("problems", function()
  local order = v.object {
    user = v.object { email = v.email() },
    items = v.array(v.object { id = v.integer(), qty = v.integer { min = 1 } }, { min = 1 }),
    prices = v.map(v.number { min = 0 }):optional(),
  }

  it("are listed all at once, with their places", function()
    assert.equal("items[1].qty min; items[2].id required; items[2].qty type; items[3] type; user.email format; x unknown",
      wrong(order, decode [[{ "user": { "email": "no" }, "x": 1, "items": [
        { "id": 1, "qty": 1 }, { "id": 2, "qty": 0 }, { "qty": "1" }, null ] }]]))
    assert.equal("items min; user required", wrong(order, decode '{"items":[]}'))
    assert.equal('items required; prices["b c"] type; user type', wrong(order, decode '{"user":1,"prices":{"b c":"1"}}'))
  end)

  it("say where the value came from", function()
    local _, problems = order:parse({}, "json", "body")
    assert.same({ ["in"] = "body", path = "items", code = "required", message = "is required" }, problems[1])
    assert.equal("[", encode(problems):sub(1, 1))
    assert.is_nil(select(2, order:parse {})[1]["in"])
  end)

  it("are raised by check, as an answer", function()
    local ok, err = pcall(order.check, order, {})
    assert.is_false(ok)
    assert.equal(422, err.status)
    assert.equal("invalid", err.code)
    assert.equal(2, #err.details)
    assert.equal(1, v.integer():check(1))
  end)

  it("never show a value, and least of all a secret", function()
    local schema = v.object { s = v.secret { min = 20 }:refine(function() return false, "hunter2" end, "is too simple") }
    local _, problems = schema:parse { s = "hunter2" }
    assert.is_nil(encode(problems):find "hunter2")
    _, problems = schema:parse { s = ("hunter2"):rep(3) }
    assert.equal("is too simple", problems[1].message)
    assert.is_nil(tostring(v.secret():default "hunter2"):find "hunter2")
  end)
end)

describe("refinements", function()
  it("run when nothing else is wrong", function()
    local calls = 0
    local even = v.integer():refine(function(n) calls = calls + 1 return n % 2 == 0 end, "must be even")
    assert.equal("custom", wrong(even, 3))
    assert.equal("must be even", message(even, 3))
    assert.equal("type", wrong(even, "x"))
    takes(even, { 2 })
    assert.equal(3, calls)
  end)

  it("may say why, and blame a field", function()
    local schema = v.object { a = v.string(), b = v.string() }
      :refine(function(o) return o.a == o.b, "is not a" end, "unused", "b")
    assert.equal("b custom", wrong(schema, { a = "1", b = "2" }))
    assert.equal("is not a", message(schema, { a = "1", b = "2" }))
    assert.equal("a required", wrong(schema, { b = "2" }))
    assert.equal("list[1].b custom", wrong(v.object { list = v.array(schema) },
      { list = { { a = "1", b = "1" }, { a = "1", b = "2" } } }))
    takes(schema:nullable(), { null })
  end)

  it("run for every kind, in order", function()
    local function never() return false end
    for _, case in ipairs {
      { v.string(), "x" }, { v.array(v.integer()), { 1 } }, { v.map(v.integer()), { a = 1 } }, { v.object {}, {} }, { v.any(), 1 },
      { v.union { v.integer(), v.string() }, 1 }, { v.enum { 1 }, 1 }, { v.lazy(function() return v.integer() end), 1 },
    } do
      assert.equal("custom; custom", wrong(case[1]:refine(never):refine(never), case[2]))
      assert.equal("f custom", wrong(v.object { f = case[1]:refine(never) }, { f = case[2] }))
      assert.equal("[0] custom", wrong(v.array(case[1]:refine(never)), { case[2] }))
    end
  end)
end)

describe("unions", function()
  it("take what one member takes", function()
    local schema = v.union { v.integer(), v.string { min = 2 }, v.array(v.integer()) }
    takes(schema, { 1, "ab", { 1 }, rille.array {} })
    refuses(schema, "union", { true, {}, null })
    assert.equal("must be an integer, a string or an array", message(schema, true))
    assert.equal("min", wrong(schema, "a")) -- the one member that is for texts knows why
    assert.equal("[1] type", wrong(schema, { 1, "x" }))
    takes(schema:nullable(), { null })
  end)

  it("of objects are told apart by a literal", function()
    local shape = v.union {
      v.object { kind = v.literal "circle", r = v.number() }, v.object { kind = v.literal "square", side = v.number { min = 0 } },
    }
    assert.same({ kind = "circle", r = 1 }, (shape:parse { kind = "circle", r = 1 }))
    assert.equal("side min", wrong(shape, { kind = "square", side = -1 }))
    assert.equal("kind enum", wrong(shape, { kind = "x" }))
    assert.equal("kind required", wrong(shape, {}))
    refuses(shape, "type", { 1, rille.array {}, null, "circle" })
    assert.equal("shapes[1].r type", wrong(v.object { shapes = v.array(shape) },
      { shapes = { { kind = "square", side = 1 }, { kind = "circle", r = "1" } } }))
    assert.same({ kind = "circle", r = 2 }, (shape:parse({ kind = "circle", r = "2" }, "text")))
  end)

  it("of objects that nothing tells apart take the first that fits", function()
    local schema = v.union { v.object { a = v.integer() }, v.object { b = v.integer() } }
    assert.same({ b = 1 }, (schema:parse { b = 1 }))
    assert.equal("union", wrong(schema, { c = 1 }))
  end)
end)

describe("values made in Lua", function()
  local schema = v.object { id = v.integer(), note = v.string():nullable(), tags = v.array(v.string()) }
  it("may lack what is nullable, and hold empty lists", function()
    local result = schema:parse({ id = 1, tags = {} }, "output")
    assert.equal(null, result.note)
    assert.equal("[]", encode(result.tags))
    assert.equal("secret unknown", wrong(schema, { id = 1, tags = {}, secret = 1 }, "output"))
  end)
  it("are shaped without what the schema does not name", function()
    assert.same({ id = 1, note = null, tags = {} }, (schema:parse({ id = 1, tags = {}, secret = 1 }, "shape")))
    assert.equal("id type", wrong(schema, { id = "1", tags = {} }, "shape"))
  end)
  it("may raise when read, as rows do", function()
    local row = setmetatable({ id = 1 }, { [0] = 1, "id", __index = function() error "no such column" end })
    assert.same({ id = 1, note = null }, (v.object { id = v.integer(), note = v.string():nullable() }:parse(row, "output")))
    assert.equal("note required", wrong(v.object { id = v.integer(), note = v.string() }, row))
  end)
end)

describe("a schema", function()
  it("never changes, nor does what it is given", function()
    local text = v.string()
    local fields = { a = text }
    local schema = v.object(fields)
    fields.b = text
    assert.equal("b unknown", wrong(schema, { a = "", b = "" }))
    assert.is_false(text.is_optional)
    assert.is_true(text:optional().is_optional)
    local input = decode '{"a":"x"}'
    local result = schema:parse(input)
    assert.not_equal(input, result)
    result.a = 1
    assert.equal("x", input.a)
  end)

  it("is known as one", function()
    assert.is_true(v.is(v.string()))
    for _, value in ipairs { {}, 1, "x", v, v.string } do
      assert.is_false(v.is(value))
    end
  end)

  it("can be compiled ahead", function()
    local schema = v.object { a = v.integer() }
    assert.equal(schema, schema:compile():compile "text")
  end)
end)
