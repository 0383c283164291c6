--- The words behind `rille spec`: which process gets which.
local options = require "rille.test.options"

local function parsed(...)
  return assert(options.parse { ... })
end

local function joined(words)
  return (table.concat(words, " "):gsub("%-%-seed=%d+", "--seed=N"))
end

describe("the words of rille spec", function()
  it("are paths, the folder spec without any", function()
    assert.same({ "spec" }, parsed().paths)
    assert.same({ "a_spec.lua", "spec/apps" }, parsed("a_spec.lua", "-o", "TAP", "spec/apps").paths)
  end)

  it("find files by a pattern, and beneath folders", function()
    assert.same({ "_spec" }, parsed().patterns)
    local given = parsed("-p", "_check", "--pattern=_x", "--exclude-pattern", "slow")
    assert.same({ { "_check", "_x" }, { "slow" } }, { given.patterns, given.excludes })
    assert.is_true(given.is_recursive)
    assert.is_false(parsed "--no-recursive".is_recursive)
  end)

  it("hold what is ours", function()
    local given = parsed("--app", "apps/shop", "--seed=7", "--report=/tmp/r", "-C", "dir")
    assert.same({ "apps/shop", 7, "/tmp/r", "dir" }, { given.app, given.seed, given.report, given.directory })
  end)

  it("give each run a seed of its own, unless told", function()
    local seeds = {}
    for _ = 1, 5 do seeds[parsed().seed] = true end
    assert.is_truthy(next(seeds, next(seeds))) -- not one for all
  end)

  it("are told apart: output is for who collects, filters for who runs a file", function()
    local given = parsed("-o", "TAP", "--filter=one", "--lpath", "x/?.lua", "-c", "--app=apps/shop", "spec")
    assert.equal("--lpath x/?.lua --output=rille --seed=N a_spec.lua", joined(given:words_for_all { "a_spec.lua" }))
    assert.equal("--filter=one --lpath x/?.lua --report=/tmp/r --seed=N --shuffle=1 --timeout=120s --coverage --app=apps/shop a_spec.lua",
      joined(given:words_for_file("a_spec.lua", "/tmp/r")))
    assert.equal("--filter=one --lpath x/?.lua --output=rille --seed=N spec", joined(given:words_for_one()))
  end)

  it("report to the file that is asked for, instead of the output", function()
    assert.equal("--filter=one --output=rille.test.report -Xoutput /tmp/r --seed=N a_spec.lua",
      joined(parsed("-o", "TAP", "--filter=one", "--report", "/tmp/r", "a_spec.lua"):words_for_one()))
  end)

  it("shuffle the files and what is in them by busted's words, tasks by ours", function()
    local given = parsed("--shuffle-files", "--shuffle-tests")
    assert.is_true(given.shuffles)
    assert.equal("--shuffle-files --output=rille --seed=N", joined(given:words_for_all {}))
    assert.matches("^%-%-shuffle%-tests ", joined(given:words_for_file("a", "r")))
    assert.is_falsy(parsed "--sort".shuffles)
    given = parsed("--shuffle", "20", "a_spec.lua")
    assert.same({ 20, { "a_spec.lua" } }, { given.orders, given.paths })
    assert.equal("--report=r --seed=N --shuffle=20 --timeout=120s a", joined(given:words_for_file("a", "r")))
    assert.equal("--output=rille --seed=N a_spec.lua", joined(given:words_for_one()))
    assert.equal(1, parsed().orders)
  end)

  it("bound an example, in real time", function()
    assert.equal(120, parsed().timeout)
    local given = parsed("--timeout=1.5m", "a_spec.lua")
    assert.same({ 90, { "a_spec.lua" } }, { given.timeout, given.paths })
    assert.equal("--report=r --seed=N --shuffle=1 --timeout=90s a", joined(given:words_for_file("a", "r")))
    assert.equal(5, parsed("--timeout", "5").timeout)
    assert.equal("--timeout takes how long an example may take, as in --timeout 30s: got soon",
      select(2, options.parse { "--timeout", "soon" }))
  end)

  it("name how the run is told", function()
    assert.same({ { name = "TAP" }, { name = "junit", file = "a:b.xml" } }, parsed("-o", "TAP", "--output=junit:a:b.xml").outputs)
  end)

  it("go on to the runs of --watch, but for the paths", function()
    local given = parsed("--watch", "-o", "TAP", "spec/apps", "--filter=one", "--parallel", "2")
    assert.is_true(given.watches)
    assert.same({ "--loads=/tmp/l", "-o", "TAP", "--filter=one", "--parallel", "2", "a_spec.lua" },
      given:words_for_run({ "a_spec.lua" }, "/tmp/l"))
    assert.equal("--report=r --seed=N --shuffle=1 --timeout=120s --loads=x a", joined(parsed("--loads=x"):words_for_file("a", "r")))
  end)

  it("choose examples by name, each with its own characters", function()
    local given = parsed("--name", "a (b)", "--filter", "^c")
    assert.equal("--filter=a %(b%) --filter ^c --report=r --seed=N --shuffle=1 --timeout=120s f", joined(given:words_for_file("f", "r")))
    given:choose("f", { "x - y" })
    assert.equal("--filter=a %(b%) --filter ^c --report=r --seed=N --shuffle=1 --timeout=120s --filter=^x %- y$ f", joined(given:words_for_file("f", "r")))
    assert.is_true(given.is_partial)
    assert.is_false(parsed("--slowest", "3").is_partial)
  end)

  it("ask busted itself for lists and help", function()
    for _, word in ipairs { "-l", "--list", "--help-all", "--version" } do
      assert.is_true(parsed(word).is_direct)
    end
    for _, word in ipairs { "--help", "-h" } do
      assert.is_true(parsed(word).wants_help)
    end
    assert.is_falsy(parsed("--filter", "--list").is_direct) -- there it is a value
  end)

  it("are refused when a value is missing or none", function()
    assert.same({ nil, "--filter takes a value" }, { options.parse { "--filter" } })
    assert.same({ nil, "--app takes a value" }, { options.parse { "spec", "--app" } })
    assert.same({ nil, "there is no option --lst: did you mean --list?" }, { options.parse { "--lst" } })
    assert.is_truthy(options.parse { "--no-shuffle-files", "--frobnicate-all" }) -- busted's business
    assert.same({ nil, "--seed takes a number" }, { options.parse { "--seed", "x" } })
    assert.same({ nil, "-o takes a name, as in -o TAP or -o junit:report.xml" }, { options.parse { "-o" } })
    assert.same({ nil, "--coverage-min takes a number of percent, from 0 to 100: got all" }, { options.parse { "--coverage-min=all" } })
    assert.same({ nil, "--parallel takes a number from 1 on: got 0" }, { options.parse { "--parallel=0" } })
    assert.same({ nil, "--shuffle takes a number, as in --shuffle 20" }, { options.parse { "--shuffle" } })
    for _, word in ipairs { "spec", "0", "-1", "1.5" } do
      assert.matches("as in %-%-shuffle 20: .* by %-%-shuffle%-tests", select(2, options.parse { "--shuffle", word }))
    end
  end)
end)
