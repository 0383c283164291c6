--- An app's own files: where they are found, how often they run, what they may do.
local core = require "rille.core"
local lfs = require "lfs"
local module = require "rille.module"
local rille = require "rille"

local log = core.log

describe("a loader", function()
  local dir, path, cpath, lines, runs

  local function write(name, text)
    os.execute("mkdir -p '" .. (dir .. "/" .. name):match "^(.*)/" .. "'")
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  -- What `call` raised.
  local function failure_of(call, ...)
    local ok, err = pcall(call, ...)
    assert.is_false(ok)
    return err
  end

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(lfs.mkdir(dir))
    path, cpath, lines, runs = package.path, package.cpath, {}, {}
    package.loaded["spec.runs"] = runs -- where the files of the app note that they ran
    core.log = function(level, message, ...) lines[#lines + 1] = table.concat({ level, message, ... }, " ") end
  end)

  after_each(function()
    package.path, package.cpath, package.loaded["spec.runs"], core.log = path, cpath, nil, log
    os.execute("rm -r '" .. dir .. "'")
  end)

  it("finds a file, a folder's init.lua, and dots as folders", function()
    write("one.lua", "return 'one'")
    write("two/init.lua", "return 'two'")
    write("models/post.lua", "return require 'one' .. require 'two'")
    assert.equal("onetwo", module.loader(dir).require "models.post")
  end)

  it("runs a module once and gives everybody its value, also a false one", function()
    write("counted.lua", "local log = ... return { name = log }")
    write("none.lua", "")
    write("no.lua", "local runs = require 'spec.runs' runs[#runs + 1] = 'no' return false")
    local loader = module.loader(dir)
    assert.equal(loader.require "counted", loader.require "counted")
    assert.equal("counted", loader.require "counted".name) -- as Lua hands it over
    assert.is_true(loader.require "none")
    assert.is_false(loader.require "no")
    assert.is_false(loader.require "no")
    assert.same({ "no" }, runs)
    assert.are_not.equal(loader.require "counted", module.loader(dir).require "counted") -- the next generation's own
  end)

  it("prefers the app's file to an installed one of that name", function()
    write("socket.lua", "return 'ours'")
    write("lua_modules/share/lua/5.1/rock.lua", "return 'installed'")
    write("lua_modules/share/lua/5.1/stone/init.lua", "return 'stone'")
    local loader = module.loader(dir)
    assert.equal("ours", loader.require "socket")
    assert.same({}, lines)
    assert.equal("installed", loader.require "rock")
    assert.equal("stone", loader.require "stone")
    assert.equal(rille, loader.require "rille")
  end)

  it("gives an app inside the app its own modules", function()
    write("shared.lua", "return 'outer'")
    write("admin/app.lua", "return require 'shared'")
    write("admin/shared.lua", "return 'inner'")
    write("admin/pages/one.lua", "return require 'shared'")
    local loader = module.loader(dir)
    assert.equal("outer", loader.require "shared")
    assert.equal("inner", loader.require "admin.app")
    assert.equal("inner", loader.require "admin.pages.one")
  end)

  it("loads a module once for all who ask while it waits", function()
    write("slow.lua", "local rille = require 'rille' rille.sleep(0) rille.sleep(0) return {}")
    local loader = module.loader(dir)
    local got = rille.all {
      a = function() return loader.require "slow" end,
      b = function() return loader.require "slow" end,
      c = function() return loader.require "slow" end,
    }
    assert.is_table(got.a)
    assert.is_true(got.a == got.b and got.b == got.c)
  end)

  it("tries a module that failed again, for each who waited for it", function()
    write("flaky.lua", "local rille = require 'rille' local runs = require 'spec.runs' local n = #runs + 1 runs[n] = 'flaky' "
      .. "rille.sleep(0) if n == 1 then error { code = 'mine' } end return n")
    local loader = module.loader(dir)
    local got, failures = {}, {}
    local function ask()
      local ok, result = pcall(loader.require, "flaky")
      table.insert(ok and got or failures, ok and result or result.code)
    end
    rille.all { ask, ask, ask }
    assert.same({ "mine" }, failures) -- of whoever came first
    assert.same({ 2, 2 }, got) -- one tried for both
  end)

  it("refuses two modules that need each other", function()
    write("a.lua", "local b = require 'b' return b") -- a tail call would hide the line
    write("b.lua", "\nlocal a = require 'a' return a")
    write("own.lua", "return require 'own'")
    local loader = module.loader(dir)
    assert.equal(dir .. "/b.lua:2: module 'a' is required while it is still loading: two modules need each other",
      failure_of(loader.require, "a"))
    assert.matches("module 'own' is required while it is still loading", failure_of(loader.require, "own"), 1, true)
  end)

  it("refuses them also when two tasks load one each", function()
    write("a.lua", "require('rille').sleep(0) return require 'b'")
    write("b.lua", "require('rille').sleep(0) return require 'a'")
    local loader = module.loader(dir)
    local a = rille.spawn(function() return select(2, pcall(loader.require, "a")) end)
    local b = rille.spawn(function() return select(2, pcall(loader.require, "b")) end)
    assert.matches("two modules need each other", a:await(), 1, true)
    assert.matches("two modules need each other", b:await(), 1, true)
  end)

  it("refuses globals, naming the line, and reads those of Lua", function()
    write("leak.lua", "local ok = print\ncount = 1")
    write("through.lua", "_G.count = 1")
    write("reads.lua", "return type(print) .. type(_G.table)")
    local loader = module.loader(dir)
    assert.equal(dir .. "/leak.lua:2: assigning the global 'count': write `local count`", failure_of(loader.require, "leak"))
    assert.matches("through.lua:1: assigning the global 'count'", failure_of(loader.require, "through"), 1, true)
    assert.equal("functiontable", loader.require "reads")
    assert.is_nil(rawget(_G, "count"))
  end)

  it("lets a generator of a module's own wait", function()
    write("steps.lua", "local rille = require 'rille' return function() return coroutine.wrap(function() "
      .. "for i = 1, 3 do rille.sleep(0) coroutine.yield(i) end end) end")
    local seen = {}
    for i in module.loader(dir).require "steps"() do seen[#seen + 1] = i end
    assert.same({ 1, 2, 3 }, seen)
  end)

  it("says which file there is not, at the line that asked", function()
    write("asks.lua", "\nlocal none = require 'models.none' return none")
    local loader = module.loader(dir)
    assert.equal(("%s/asks.lua:2: there is no module 'models.none': neither a file %s/models/none.lua nor one of lua_modules "
      .. "or Lua itself"):format(dir, dir), failure_of(loader.require, "asks"))
    assert.matches("require takes a module's name: got a number", failure_of(loader.require, 5), 1, true)
  end)

  it("says it of the line also where that is the file's last", function()
    write("last.lua", "local n = 'none'\nreturn require 'models.none'")
    write("computed.lua", "return require('models.' .. 'none')")
    write("asks.lua", "local last = require 'last' return last")
    local loader = module.loader(dir)
    assert.equal(dir .. "/last.lua:2: there is no module", failure_of(loader.require, "asks"):match "^.- module")
    assert.equal(dir .. "/computed.lua: there is no module", failure_of(loader.require, "computed"):match "^.- module")
    write("circle.lua", "-- itself\nreturn require 'circle'")
    assert.equal(dir .. "/circle.lua:2: module 'circle' is required", failure_of(loader.require, "circle"):match "^.- required")
  end)

  it("hands on what a module raised, and where it does not parse", function()
    write("raises.lua", "error({ code = 'mine' })")
    write("wrong.lua", "return =")
    write("lua_modules/share/lua/5.1/broken.lua", "error 'of its own'")
    local loader = module.loader(dir)
    assert.same({ code = "mine" }, failure_of(loader.require, "raises"))
    assert.matches(dir .. "/wrong.lua:1: ", failure_of(loader.require, "wrong"), 1, true)
    assert.matches("of its own", failure_of(loader.require, "broken"), 1, true)
  end)

  it("warns once of a library that blocks, naming the line", function()
    write("talks.lua", "local a = require 'socket'\nlocal b = require 'socket' return a == b")
    assert.is_true(module.loader(dir).require "talks")
    assert.same({ "warn 'socket' blocks: every request of this worker waits for its calls where " .. dir .. "/talks.lua:1" }, lines)
  end)

  it("runs a script with its arguments", function()
    write("script.lua", "return select('#', ...), ...")
    assert.same({ 3, "a", nil, "c" }, { module.loader(dir).run(dir .. "/script.lua", "a", nil, "c") })
  end)
end)
