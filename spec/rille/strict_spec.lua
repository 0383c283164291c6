--- Tables in which a name that is not there is a slip.
local strict = require "rille.strict"

describe("strict", function()
  local names

  before_each(function()
    package.preload["strict.saucer"] = function() return { "a saucer" } end
    names = { cup = 1, spoon = 2 }
    strict(names, "the tray", { saucer = "strict.saucer" })
  end)

  after_each(function() package.preload["strict.saucer"], package.loaded["strict.saucer"] = nil, nil end)

  it("says which name was meant, or all there are, of modules that are not loaded, too", function()
    for name, said in pairs { spon = "did you mean 'spoon'?", sauser = "did you mean 'saucer'?", x = "there are cup, saucer, spoon" } do
      local ok, why = pcall(function() return names[name] end)
      assert.is_false(ok)
      assert.matches(("^spec/rille/strict_spec.lua:%%d+: the tray has no '%s': "):format(name), why)
      assert.equal(said, why:match "': (.*)$")
    end
    assert.is_nil(package.loaded["strict.saucer"])
  end)

  it("loads a module when its name is asked for", function()
    assert.same({ "a saucer" }, names.saucer)
    assert.equal(package.loaded["strict.saucer"], rawget(names, "saucer"))
  end)
end)
