--- Code of its own: copies share no prototype, and what they say of themselves is as it was.
local bytecode = require "jit.util"
local own = require "rille.own"

local function make_adder(amount)
  return function(number)
    return number + amount
  end
end

describe("own.copy", function()
  it("gives a function that makes the same", function()
    assert.equal(5, own.copy(make_adder)(2)(3))
    assert.equal(7, own.copy(make_adder)(4)(3))
  end)

  it("gives each copy prototypes of its own", function()
    local function proto_of(fn) return bytecode.funcinfo(fn).proto end
    assert.is_true(proto_of(make_adder(1)) == proto_of(make_adder(1)))
    assert.is_false(proto_of(own.copy(make_adder)(1)) == proto_of(own.copy(make_adder)(1)))
  end)

  it("keeps names and lines, so that a traceback shows them", function()
    local plain, copied = debug.getinfo(make_adder(1), "S"), debug.getinfo(own.copy(make_adder)(1), "S")
    assert.same({ plain.short_src, plain.linedefined }, { copied.short_src, copied.linedefined })
    assert.matches("own_spec.lua:7: ", select(2, pcall(own.copy(make_adder)(1), {})))
  end)
end)
