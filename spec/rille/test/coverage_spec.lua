--- `rille spec --coverage`: what counts as a line, and how it is told.
local coverage = require "rille.test.coverage"
local project = require "spec.project"
local report = require "rille.test.coverage_report"

local APP = [[
#!/usr/bin/env rille
local rille = require "rille"
local app = rille.app()

local LIMITS = {
  "most", -- of all
}

app:get("/", function(c)
  local both = rille.all {
    one = function()
      rille.sleep "1ms"
      return 1
    end,
    two = coroutine.wrap(function() return 2 end),
  }
  if c.query.more then
    return LIMITS
  else
    return both
  end
end)

app:get("/never", function()
  local text = "a"
    .. "b"

  return text
end)

return app
]]

describe("coverage", function()
  local here

  setup(function()
    here = project.new()
    here:write("app.lua", APP)
    here:write("views.lua", "return {\n  1,\n  x = function() return 2 end,\n}\n")
    here:write("config/development.lua", "return {}\n")
    here:write("lua_modules/share/x.lua", "return 1\n")
    here:write("spec/a_spec.lua", [[
      local t = require("rille").test()
      it("asks", function() for i = 1, 100 do assert.equal(1, t:client():get("/").json.one) end end)]])
    here:write("spec/b_spec.lua", "local t = require('rille').test() it('asks', function() t:client():get '/' end)")
  end)

  teardown(function() here:remove() end)

  it("tells of each file which lines did not run, in tasks and coroutines too, and of files that were never loaded", function()
    local output, status = here:run "spec -o TAP --coverage"
    assert.equal("ok 1 - asks\nok 2 - asks\n1..2\n# coverage: 70.5 % of 17 lines\n#    80.0 %  app.lua    18, 26-28\n"
      .. "#     0.0 %  views.lua  1-3\n", output)
    assert.equal(0, status)
  end)

  it("adds up what several processes counted, for lcov", function()
    here:run "spec --coverage-file c.info --parallel 2"
    local info = here:read "c.info"
    assert.matches("^TN:\nSF:app.lua\nDA:2,2\nDA:3,2\n", info)
    assert.matches("\nDA:12,101\nDA:13,101\n", info, 1, true)
    assert.matches("\nDA:18,0\nDA:20,101\n", info, 1, true)
    assert.matches("\nLF:%d+\nLH:0\nend_of_record\n$", info)
  end)

  it("is a page, with each line as it stands", function()
    local _, status = here:run "spec --coverage-file c.html spec/b_spec.lua"
    local page = here:read "c.html"
    assert.equal(0, status)
    assert.matches('<span class="ran"><i>1</i><i>12</i>      rille.sleep &quot;1ms&quot;</span>', page, 1, true)
    assert.matches('<span class="not"><i>0</i><i>18</i>    return LIMITS</span>', page, 1, true)
    assert.matches("<span><i></i><i>21</i>  end</span>", page, 1, true)
  end)

  it("fails a run when less ran than it should, or when it cannot be written", function()
    local output, status = here:run "spec -o TAP --coverage-min 70.6 spec/b_spec.lua"
    assert.equal(1, status)
    assert.matches("rille spec: 70.5 % of the lines ran, and --coverage-min wants 70.6 %\n", output, 1, true)
    assert.equal(0, (select(2, here:run "spec -o TAP --coverage-min 70.5 spec/b_spec.lua")))
    output, status = here:run "spec -o TAP --coverage-file none/c.html spec/b_spec.lua"
    assert.equal(1, status)
    assert.matches("rille spec: cannot write the coverage: none/c.html: No such file or directory\n", output, 1, true)
  end)

  it("is not all while a line is missing, and is all of nothing", function()
    assert.equal(99.9, report.percent { count = 100000, ran = 99999 })
    assert.equal(100, report.percent { count = 0, ran = 0 })
  end)

  it("names no more places on the terminal than can be read", function()
    local lines = {}
    for i = 1, 60 do
      lines[i] = i % 2
    end
    local text = report.text({ { path = "a.lua", lines = lines, count = 60, ran = 30 } }, { count = 60, ran = 30 })
    assert.matches("50.0 %  a.lua  2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, … and 18 more\n", text, 1, true)
  end)

  it("leaves a process alone where nobody asked for it", function()
    assert.is_false(coverage.counts())
  end)
end)
