--- What plain Lua is kept from, and what it is still free to do.
local core = require "rille.core"
local ffi = require "ffi"

describe("with its guards", function()
  local said, kept, undo

  -- The runner's own globals are put back afterwards.
  local function keep(holder, ...)
    for _, name in ipairs { ... } do
      local value = holder[name]
      undo[#undo + 1] = function() holder[name] = value end
    end
  end

  before_each(function()
    said, kept, undo = {}, nil, {}
    keep(_G, "newproxy", "load", "loadstring", "loadfile", "dofile")
    keep(os, "exit", "setlocale", "execute")
    keep(io, "popen")
    keep(ffi, "gc", "metatype")
    keep(string, "rep")
    keep(core, "log")
    keep(package.loaded, "rille.guard")
    core.log = function(level, message, ...) said[#said + 1] = { level, message, ... } end
    package.loaded["rille.guard"] = nil
    require("rille.guard").install()
  end)

  after_each(function()
    for i = #undo, 1, -1 do undo[i]() end
  end)

  local function collect()
    kept = nil
    collectgarbage()
    collectgarbage()
  end

  describe("a finalizer", function()
    it("of ffi.gc runs with its object", function()
      local seen
      kept = ffi.gc(ffi.new("int[1]", 42), function(object) seen = object[0] end)
      assert.equal(42, kept[0])
      collect()
      assert.equal(42, seen)
      assert.same({}, said)
    end)

    it("of ffi.metatype runs with its object", function()
      local seen
      local box = ffi.metatype("struct { int value; }", { __gc = function(object) seen = object.value end })
      kept = box(7)
      collect()
      assert.equal(7, seen)
    end)

    it("that raises is logged", function()
      kept = ffi.gc(ffi.new("int[1]"), function() error("from a finalizer", 0) end)
      collect()
      assert.same({ { "error", "a finalizer failed", "error", "from a finalizer" } }, said)
    end)

    it("that raises what has no text is logged, too", function()
      kept = ffi.gc(ffi.new("int[1]"), function() error(setmetatable({}, { __tostring = error })) end)
      collect()
      assert.equal("a finalizer failed", said[1][2])
    end)

    it("of a metatype that raises is logged", function()
      kept = ffi.metatype("struct { int other; }", { __gc = function() error("of its type", 0) end })()
      collect()
      assert.equal("of its type", said[1][4])
    end)

    it("that waits is told that it cannot", function()
      kept = ffi.gc(ffi.new("int[1]"), function() require("rille").sleep(0) end)
      collect()
      assert.matches("nothing can wait inside a callback of C", said[1][4])
    end)

    it("that is a C function is left alone", function()
      ffi.cdef "void *malloc(size_t); void free(void *);"
      kept = ffi.gc(ffi.C.malloc(16), ffi.C.free)
      collect()
      assert.same({}, said)
    end)

    it("can be taken away", function()
      kept = ffi.gc(ffi.new("int[1]"), function() error("never") end)
      ffi.gc(kept, nil)
      collect()
      assert.same({}, said)
    end)

    it("costs one wrapper, however often it is set", function()
      local function finalizer() end
      kept = {}
      local function set(from, to)
        local before = collectgarbage "count"
        for i = from, to do kept[i] = ffi.gc(ffi.new("int[1]"), finalizer) end
        return collectgarbage "count" - before
      end
      collectgarbage "stop"
      local first, second = set(1, 1000), set(1001, 1512)
      collectgarbage "restart"
      assert.is_true(second <= first)
    end)

    it("made per object is not kept for ever", function()
      local watched = setmetatable({}, { __mode = "v" })
      for i = 1, 10 do
        watched[i] = function() return i end
        ffi.gc(ffi.new("int[1]"), watched[i])
      end
      collect()
      collect()
      assert.is_nil(next(watched))
    end)

    it("of a proxy of its own does not exist", function()
      assert.is_nil(newproxy)
    end)
  end)

  describe("string.rep", function()
    it("repeats as ever", function()
      assert.equal("ababab", ("ab"):rep(3))
      assert.equal("a, a, a", ("a"):rep(3, ", "))
      assert.equal("", ("a"):rep(-1))
      assert.equal("5555", string.rep(5, 4))
    end)

    it("refuses what no string can hold, at the caller's line", function()
      for _, huge in ipairs { { "x", 2 ^ 31 }, { ("x"):rep(1024), 2 ^ 21 }, { "", 2 ^ 30, "ab" } } do
        local ok, err = pcall(function() return (string.rep(unpack(huge))) end)
        assert.is_false(ok)
        assert.matches("guard_spec.lua:%d+: string.rep: 2147483648 bytes are more", err)
      end
    end)

    it("names the caller's line for wrong arguments", function()
      local ok, err = pcall(function() return (("x"):rep({})) end)
      assert.is_false(ok)
      assert.matches("guard_spec.lua:%d+: bad argument #%d to 'rep'", err)
    end)
  end)

  it("os.exit and os.setlocale say why they are not there", function()
    local _, err = pcall(function() os.exit(0) end)
    assert.matches("guard_spec.lua:%d+: os.exit: an app does not end the process", err)
    _, err = pcall(function() os.setlocale("C") end)
    assert.matches("guard_spec.lua:%d+: os.setlocale: the locale belongs to the whole process", err)
  end)

  it("a blocking call is warned about once for each line", function()
    for _ = 1, 3 do os.execute("true") end
    os.execute("true")
    assert.equal(2, #said)
    assert.matches("os.execute blocks", said[1][2])
    assert.matches("guard_spec.lua:%d+", said[1][4])
    assert.not_equal(said[1][4], said[2][4])
  end)

  it("loads text, and no bytecode", function()
    local bytecode = string.dump(function() return 1 end)
    assert.equal(1, loadstring("return 1")())
    assert.equal(2, load(function() return nil end) and 2)
    assert.equal(3, load("return x", "=chunk", "bt", { x = 3 })())
    for _, read in ipairs { load, loadstring } do
      local chunk, err = read(bytecode)
      assert.is_nil(chunk)
      assert.matches("wrong mode", err)
    end
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(bytecode)
    file:close()
    assert.is_nil(loadfile(path))
    assert.is_false(pcall(dofile, path))
    os.remove(path)
  end)
end)
