local input = require "rille.console.input"

describe("rille.console.input", function()
  local function run(text, env)
    local chunk = assert(input.read(text))
    return setfenv(chunk, setmetatable(env or {}, { __index = _G }))(function(...) return ... end)
  end

  it("takes an expression, with = before it or not", function()
    assert.same({ 3, 4 }, { run "1 + 2, 4 -- both" })
    assert.equal(3, run " = 1 + 2")
    assert.equal(0, select("#", run "(function() end)()"))
  end)

  it("has an error's line be the expression's own", function()
    for text, line in pairs { ["none.at_all"] = 1, ["none() -- 'a' -- b"] = 1, ["'--' .. none -- b"] = 1, ["{\n  none.at_all\n} -- b"] = 2 } do
      local ok, err = pcall(run, text)
      assert.is_false(ok)
      assert.matches(("^console:%d: "):format(line), err)
    end
    assert.has_error(function() run "1 --[[ open -- x" end)
  end)

  it("takes statements, whose locals stay", function()
    local env = {}
    run("local a, b = 1, 2", env)
    run("local function f() return a + b end", env)
    run("local c", env)
    assert.equal(3, run("f()", env))
    assert.is_nil(env.c)
  end)

  it("wants more while a chunk is open", function()
    for _, text in ipairs { "for i = 1, 2 do", "f(", "x = ", "s = [[a", "if x then\n  y()", "return {" } do
      local chunk, err = input.read(text)
      assert.is_nil(chunk)
      assert.is_nil(err, text)
    end
  end)

  it("says what is no Lua", function()
    for text, why in pairs { ["foo bar"] = "near 'bar'", ["x = = 1"] = "near '='", ["end"] = "near 'end'", ["s = 'a"] = "unfinished string" } do
      local chunk, err = input.read(text)
      assert.is_nil(chunk)
      assert.matches("^console:1: .*" .. why, err)
    end
  end)

  it("takes SQL as it is, but not where sql is a function or a variable", function()
    local given
    local env = { sql = function(text) given = text end }
    run("sql SELECT 'it''s', \"a\" FROM b", env)
    assert.equal("SELECT 'it''s', \"a\" FROM b", given)
    run("sql 'select 1'", env)
    assert.equal("select 1", given)
    run("sql = 5", env)
    assert.equal(5, env.sql)
  end)
end)
