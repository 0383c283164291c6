--- `rille spec --watch`: whom a save concerns, and that those run.
local private = require "spec.rille.db.private"
local project = require "spec.project"
local watch = require "rille.test.watch"

local APP = [[
local rille = require "rille"
local app = rille.app()
app:views { dir = "views" }
app:get("/", function(c) return c:render "page" end)
return app
]]

describe("rille spec --watch", function()
  local SPECS = { "spec/a_spec.lua", "./spec/b_spec.lua" }
  local READ = {
    ["spec/a_spec.lua"] = { ["app.lua"] = true, ["models/a.lua"] = true, ["notes.txt"] = true },
    ["./spec/b_spec.lua"] = { ["app.lua"] = true },
  }

  it("runs what has read a file, and the spec itself", function()
    assert.same({ "spec/a_spec.lua" }, (watch.concerned({ "models/a.lua" }, SPECS, READ)))
    assert.same({ "spec/a_spec.lua" }, (watch.concerned({ "notes.txt" }, SPECS, READ)))
    assert.same({ "./spec/b_spec.lua" }, (watch.concerned({ "spec/b_spec.lua" }, SPECS, READ)))
    assert.same(SPECS, (watch.concerned({ "spec/b_spec.lua", "models/a.lua" }, SPECS, READ)))
    assert.same(SPECS, (watch.concerned({ "app.lua" }, SPECS, READ)))
  end)

  it("runs all where nobody knows, and nothing for what is none of an app's", function()
    assert.same(SPECS, (watch.concerned({ "migrations/0007_more.sql" }, SPECS, READ)))
    assert.same(SPECS, (watch.concerned({ "models/new.lua", "models/a.lua" }, SPECS, READ)))
    assert.same({}, (watch.concerned({ "out.log", "report.xml" }, SPECS, READ)))
  end)

  it("runs a spec that has never run", function()
    local specs = { "spec/a_spec.lua", "spec/c_spec.lua" }
    assert.same({ { "spec/c_spec.lua" }, { "spec/c_spec.lua" } }, { watch.concerned({ "out.log", "spec/c_spec.lua" }, specs, READ) })
  end)

  it("runs all, and then what a save concerns", function()
    local here = project.new()
    finally(function() here:remove() end)
    here:write("app.lua", APP)
    here:write("views/page.etlua", "one")
    here:write("lib.lua", "return 1")
    here:write("spec/a_spec.lua", "local t = require('rille').test() it('a', function() assert.equal('one', t:client():get('/').body) end)")
    here:write("spec/b_spec.lua", "it('b', function() assert.equal(1, require 'lib') end)")
    local pipe = io.popen(("{ %s & } >%s/out.txt 2>&1; echo $!"):format(here:command "spec --watch -o TAP", here.dir))
    local pid = pipe:read "*n"
    pipe:close()
    finally(function()
      os.execute("kill " .. pid)
      here:remove()
    end)

    -- What is told once more than before, up to its end.
    local function next_run(count)
      return private.eventually(function()
        local parts = {}
        for part in (here:read "out.txt" or ""):gmatch "(.-)# waiting for a save[^\n]*\n" do
          parts[#parts + 1] = part
        end
        return parts[count]
      end)
    end

    assert.equal("ok 1 - a\nok 2 - b\n1..2\n", next_run(1))
    here:write("lib.lua", "return 2")
    assert.matches("^# lib.lua changed: 1 of 2 spec files\nnot ok 1 %- b\n.*\n1%.%.1\n", next_run(2))
    here:write("views/page.etlua", "one")
    assert.equal("# views/page.etlua changed: 1 of 2 spec files\nok 1 - a\n1..1\n", next_run(3))
    here:write("out.log", "x")
    here:write("spec/c_spec.lua", "it('c', function() end)")
    assert.matches("changed: 1 of 3 spec files\nok 1 %- c\n1%.%.1\n$", next_run(4))
  end)
end)
