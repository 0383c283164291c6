local curve = require "spec.bench.curve"

describe("a curve of the bench", function()
  local function growth(cost, ...)
    local one = curve.new {}
    for _, work in ipairs { ... } do one:add(work, cost(work)) end
    return one:growth()
  end

  it("is called worse than linear when its cost grows faster than its work, also far out", function()
    local decades = { 1, 10, 100, 1000, 10000 }
    local cases = {
      { "flat", function() return 7 end },
      { "less than linear", function(n) return math.sqrt(n) end },
      { "linear", function(n) return 3 * n end },
      { "linear", function(n) return n * math.log(n + 1) end }, -- as sorting does, and no more
      { "worse than linear", function(n) return n * n end },
      { "worse than linear", function(n) return 1e6 + n * n end }, -- which looks flat nearer by
    }
    for i, case in ipairs(cases) do
      assert.equal(case[1], curve.verdict(growth(case[2], unpack(decades))), "case " .. i)
    end
    assert.is_near(1, growth(function(n) return n end, 1, 2, 4, 8), 1e-9) -- shorter than a stretch
  end)
end)
