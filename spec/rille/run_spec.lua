--- What C starts: a result, or one line for whoever typed the command.
local errors = require "rille.error"
local run = require "rille.run"

describe("run", function()
  local function with(fn, ...)
    package.preload["spec.command"] = function() return fn end
    package.loaded["spec.command"] = nil
    local result, err = run("spec.command", ...)
    package.preload["spec.command"], package.loaded["spec.command"] = nil, nil
    return result, err
  end

  it("hands over the arguments and gives back the result", function()
    assert.equal("2b", (with(function(...) return select("#", ...) .. select(2, ...) end, "a", "b")))
    assert.equal(0, (with(function() end)))
    assert.equal(2, (with(function() return 2 end)))
  end)

  it("says in a line what was raised", function()
    assert.same({ nil, "app.lua:3: duplicate route" }, { with(function() error("app.lua:3: duplicate route", 0) end) })
    assert.same({ nil, "no such user" }, { with(function() errors.fail(404, "no such user") end) })
    assert.same({ nil, "nil" }, { with(function() error() end) })
  end)

  it("says so of a module that is not there", function()
    local result, err = run "rille.command.none"
    assert.is_nil(result)
    assert.matches("module 'rille.command.none' not found", err, 1, true)
  end)
end)
