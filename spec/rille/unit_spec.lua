local unit = require "rille.unit"

describe("unit", function()
  it("reads durations", function()
    for text, seconds in pairs { ["250ms"] = 0.25, ["5s"] = 5, ["1.5m"] = 90, ["2h"] = 7200, ["1d"] = 86400 } do
      assert.equal(seconds, unit.seconds(text))
    end
    assert.equal(0, unit.seconds(0))
    assert.has_error(function() unit.seconds(1e12) end)
    assert.has_error(function() unit.seconds "99999999999d" end)
  end)

  it("reads sizes", function()
    for text, bytes in pairs { ["64K"] = 65536, ["1.5M"] = 1572864, ["1G"] = 1073741824, ["7B"] = 7 } do
      assert.equal(bytes, unit.bytes(text))
    end
  end)

  it("refuses a text without its unit, and says how it is written", function()
    local _, why = pcall(unit.seconds, "200")
    assert.matches('got "200", whose unit is missing: "200s", "200ms", or the number 200$', why)
    _, why = pcall(unit.bytes, "16")
    assert.matches('got "16", whose unit is missing: "16K", "16M", or the number 16$', why)
  end)

  it("refuses all else at the line of whom it blames", function()
    for _, wrong in ipairs { "soon", "5 s", "-1s", -1, math.huge, 0 / 0, {}, "5x", ("9"):rep(40) } do
      assert.is_false((pcall(unit.seconds, wrong)))
      assert.is_false((pcall(unit.bytes, wrong)))
    end
    local function timeout(value) local seconds = unit.seconds(value) return seconds end
    local ok, why = pcall(function() local seconds = timeout "soon" return seconds end)
    assert.is_false(ok)
    assert.matches('^spec/rille/unit_spec.lua:32: a duration is a number of seconds or a text like "250ms", "5s", "10m": got "soon"', why)
  end)
end)
