--- Options of a call: what is read, filled in and refused.
local option = require "rille.option"

local KINDS = {
  max = option.count(1, 16), idle = option.duration(60), bytes = option.size(1024), fn = option.fn(), name = option.text(),
  fast = option.switch(), how = option.one_of({ "wait", "error", "drop" }, "wait"),
}

local function read(given)
  local got = option.read("call", given, KINDS, 1)
  return got
end

describe("options", function()
  it("are filled in where they are not given", function()
    local filled = { max = 16, idle = 60, bytes = 1024, how = "wait" }
    assert.same(filled, read(nil))
    assert.same(filled, read {})
  end)

  it("are read, and what was given is left alone", function()
    local given = { idle = "5m", bytes = "2K", max = 3, how = "drop", fast = false, name = "x", fn = print }
    assert.same({ idle = 300, bytes = 2048, max = 3, how = "drop", fast = false, name = "x", fn = print }, read(given))
    assert.equal("5m", given.idle)
  end)

  it("are refused in words", function()
    for words, given in pairs {
      ["call takes a table of options: got a number"] = 4,
      ["call: there is no option 'maxx': did you mean 'max'?"] = { maxx = 1 },
      ["call: there is no option 'zebra': there are bytes, fast, fn, how, idle, max, name"] = { zebra = 1 },
      ["call: max is an integer from 1 on: got 0"] = { max = 0 },
      ["call: max is an integer from 1 on: got '7'"] = { max = "7" },
      ["call: max is an integer from 1 on: got inf"] = { max = math.huge },
      ["call: how is 'wait', 'error' or 'drop': got 'fail'"] = { how = "fail" },
      ["call: fn is a function: got true"] = { fn = true },
      ["call: fast is true or false: got 1"] = { fast = 1 },
      ["call: name is a text: got 1"] = { name = 1 },
    } do
      local ok, err = pcall(read, given)
      assert.is_false(ok)
      assert.equal(words, (err:gsub("^.-%.lua:%d+: ", "")))
    end
    assert.has_error(function() read { idle = "5x" } end)
    assert.has_error(function() read { bytes = -1 } end)
  end)

  it("blame who gave them", function()
    local _, err = pcall(read, { max = 0 })
    assert.matches("option_spec.lua:10: call: max", err, 1, true)
    _, err = pcall(read, { idle = "x" })
    assert.matches("option_spec.lua:10: a duration", err, 1, true)
  end)
end)
