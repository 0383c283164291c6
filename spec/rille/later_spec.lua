--- Modules that are loaded when they are first used.
local later = require "rille.later"

describe("later", function()
  local runs

  before_each(function()
    runs = 0
    package.preload["later.cup"] = function(name)
      runs = runs + 1
      return { fill = function(...) return name, ... end, fail = function() error("no", 2) end }
    end
  end)

  after_each(function()
    for _, name in ipairs { "later.cup", "later.tray" } do package.preload[name], package.loaded[name] = nil, nil end
  end)

  it("loads a module when one of its functions is called, once", function()
    local cup = later.of "later.cup"
    local fill = cup.fill
    assert.equal(0, runs)
    assert.same({ 4, "later.cup", 1 }, { select("#", fill(1, nil, nil)), fill(1) })
    assert.same({ "later.cup", "again" }, { fill "again" })
    assert.same({ "later.cup" }, { cup.fill() })
    assert.equal(1, runs)
  end)

  it("has the module's own functions from then on", function()
    local cup = later.of "later.cup"
    cup.fill()
    assert.equal(require("later.cup").fill, cup.fill)
    assert.is_nil(cup.empty)
  end)

  it("leaves the blame to who called", function()
    local cup = later.of "later.cup"
    for _ = 1, 2 do -- before it is loaded, and after
      local ok, why = pcall(function() cup.fail() end)
      assert.is_false(ok)
      assert.matches("^spec/rille/later_spec.lua:%d+: no$", why)
    end
  end)

  it("loads another time what failed, and what that had begun to load", function()
    local is_full = true
    package.preload["later.tray"] = function() return { cup = require "later.cup" } end
    package.preload["later.cup"] = function()
      if is_full then error("not enough memory", 0) end
      return {}
    end
    local ok, why = pcall(later.load, "later.tray")
    assert.same({ false, "not enough memory" }, { ok, why })
    is_full = false
    assert.equal(require "later.cup", later.load("later.tray").cup)
  end)
end)
