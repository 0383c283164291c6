local core = require "rille.core"
local inspect = require "rille.console.inspect"
local rille = require "rille"

describe("rille.console.inspect", function()
  local function shown(value, width) return inspect.of(value, { width = width or 80 }) end

  it("writes plain values as Lua would", function()
    assert.equal("nil", shown(nil))
    assert.equal("null", shown(core.null))
    assert.equal("true", shown(true))
    assert.equal("12", shown(12))
    assert.equal("0.5", shown(0.5))
    assert.equal("inf", shown(math.huge))
    assert.equal([["a\n\"b\"\0ä"]], shown 'a\n"b"\0ä')
    assert.matches("^function %(spec/rille/console/inspect_spec.lua:%d+%)$", shown(shown))
  end)

  it("has a table on one line as long as it fits", function()
    assert.equal("{}", shown {})
    assert.equal('{ 1, 2, a = { b = "c" }, ["two words"] = false, [7] = 7 }',
      shown { 1, 2, a = { b = "c" }, ["two words"] = false, [7] = 7 })
    assert.equal('{\n  first = "' .. ("x"):rep(20) .. '",\n  second = { 1 }\n}', shown({ first = ("x"):rep(20), second = { 1 } }, 40))
  end)

  it("ends where a table holds itself, and where there is too much", function()
    local circle = { name = "a" }
    circle.again = circle
    assert.equal('{ again = (itself), name = "a" }', shown(circle))
    local many = {}
    for i = 1, 60 do many[i] = i end
    assert.matches("50,\n  … and 10 more\n}", shown(many), 1, true)
    assert.matches('^"x+"… %(5000 bytes%)$', shown(("x"):rep(5000)))
    assert.equal("{ { { { { {…} } } } } }", shown { { { { { { 1 } } } } } })
    local function tree(depth) return depth == 0 and 1 or { tree(depth - 1), tree(depth - 1), tree(depth - 1), tree(depth - 1),
      tree(depth - 1), tree(depth - 1), tree(depth - 1) } end
    local _, count = shown(tree(4), 10):gsub("1", "")
    assert.is_true(count <= 1000)
  end)

  it("cuts no character in two", function()
    assert.matches('ä"… %(2001 bytes%)$', shown("x" .. ("ä"):rep(1000)))
  end)

  it("lets values say what they are, and calls nothing else", function()
    assert.equal("a thing", shown(setmetatable({}, { __tostring = function() return "a thing" end })))
    assert.equal("{ 1 }", shown(setmetatable({ 1 }, { __tostring = function() error "oh" end })))
    assert.equal("{ a = 1 }", shown(setmetatable({ a = 1 }, { __index = function() error "asked" end })))
    assert.matches("^select .* from ", (shown(rille.model("things", {}):where("a = ?", 1)):lower()))
  end)

  it("shows nothing of the inside of what Rille made", function()
    for _, value in ipairs { rille.db, rille.app(), rille.channel() } do
      assert.matches("^%(rille%.[%w_]+%)$", shown(value))
    end
    assert.equal("{ (rille.db) }", shown { rille.db })
    assert.equal("not_found: no such user", shown(select(2, pcall(rille.fail, 404, "no such user"))))
  end)

  it("paints only where there are colours", function()
    assert.equal("\27[33m1\27[m", inspect.of(1, { width = 80, has_colours = true }))
    assert.equal('{ \27[32m"a"\27[m }', inspect.of({ "a" }, { width = 10, has_colours = true }))
  end)
end)
