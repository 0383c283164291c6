--- What one parse found wrong.
local report = require "rille.schema.report"
local rille = require "rille"

describe("a report", function()
  it("lists problems with their places", function()
    local s = report.new "body"
    s[1], s[2] = "items", 2
    report.fail(s, 2, "qty", "min", "must be at least 1")
    report.fail(s, 0, nil, "custom", "is odd")
    assert.same({
      { ["in"] = "body", path = "items[2].qty", code = "min", message = "must be at least 1" },
      { ["in"] = "body", path = "", code = "custom", message = "is odd" },
    }, report.finish(s))
  end)

  it("counts what it does not list", function()
    local s = report.new()
    s.quiet = 1
    report.fail(s, 0, "a", "type", "must be a string")
    assert.equal(1, s.n)
    assert.is_false(s.problems)
    s = report.new()
    for _ = 1, 250 do
      report.fail(s, 0, "a", "type", "must be a string")
    end
    assert.equal(250, s.n)
    local problems = report.finish(s)
    assert.equal(101, #problems)
    assert.same({ path = "", code = "more", message = "has more problems: these are the first 100" }, problems[101])
  end)

  it("tries without a trace", function()
    local s = report.new()
    local function refuse(_, s_, d) report.fail(s_, d, nil, "type", "must be another") end
    assert.is_false(report.accepts(s, 0, 1, refuse))
    assert.is_true(report.accepts(s, 0, 1, function() end))
    assert.same({ 0, 0, false }, { s.n, s.quiet, s.problems })
  end)

  it("remembers what a union said of a table", function()
    local s, union, taken, refused = report.new(), {}, {}, {}
    assert.is_false((report.recall(s, union, taken)))
    report.remember(s, union, taken, "result")
    report.remember(s, union, refused, nil)
    assert.same({ true, "result" }, { report.recall(s, union, taken) })
    assert.same({ true }, { report.recall(s, union, refused) })
    assert.is_false((report.recall(s, union, {})))
    assert.is_false((report.recall(s, {}, taken)))
  end)
end)

describe("is_list", function()
  it("knows arrays, and the keys 1 to n", function()
    for _, list in ipairs { rille.array {}, rille.array { 1 }, { 1 }, { 1, false } } do
      assert.is_true(report.is_list(list, false))
    end
    for _, value in ipairs { {}, { a = 1 }, { 1, a = 2 }, { [2] = 1 }, "x", 1, true } do
      assert.is_false(report.is_list(value, false))
    end
    assert.is_true(report.is_list({}, true))
  end)
end)

describe("only", function()
  it("is the one value of a list of one", function()
    assert.equal("a", report.only { "a" })
    for _, value in ipairs { {}, { "a", "b" }, { filename = "a" } } do
      assert.equal(value, report.only(value))
    end
  end)
end)
