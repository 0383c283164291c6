--- `rille exec APP FILE`: a script among an app's modules.
local lfs = require "lfs"
local rille_path = lfs.symlinkattributes("/proc/self/exe", "target")

describe("rille exec", function()
  local dir

  local function write(name, text)
    os.execute("mkdir -p '" .. (dir .. "/" .. name):match "^(.*)/" .. "'")
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  -- Its exit status, and what it printed; a script's path is from the app's folder.
  local function exec(words)
    local pipe = io.popen(("env -u DATABASE_URL timeout 60 '%s' exec '%s' %s 2>&1 </dev/null; echo $?"):format(
      rille_path, dir, words:gsub("([%w/]+%.lua)", dir .. "/%1")))
    local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
    pipe:close()
    return tonumber(status), text
  end

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    write("app.lua", "error 'the app itself is not run'")
    write("models/post.lua", "return { name = 'post' }")
  end)

  after_each(function() os.execute("rm -rf '" .. dir .. "'") end)

  it("runs a file with the app's modules, and waits for it", function()
    write("scripts/hello.lua", "local rille = require 'rille' rille.sleep '1ms' print(require 'models.post'.name)")
    assert.same({ 0, "post\n" }, { exec "scripts/hello.lua" })
  end)

  it("hands over arguments, and ends with the status that the script returns", function()
    write("script.lua", "print(select('#', ...), ...) return 3")
    assert.same({ 3, "2\ta b\t\n" }, { exec "script.lua 'a b' ''" })
    write("script.lua", "return 'done'")
    assert.same({ 0, "" }, { exec "script.lua" })
  end)

  it("says what went wrong, and where", function()
    write("script.lua", "\nerror 'oh no'")
    local status, text = exec "script.lua"
    assert.equal(1, status)
    assert.matches("script.lua:2: oh no", text, 1, true)
    write("script.lua", "require('rille').fail(404, 'no such post')")
    status, text = exec "script.lua"
    assert.equal(1, status)
    assert.matches("no such post", text, 1, true)
    status, text = exec "none.lua"
    assert.equal(1, status)
    assert.matches("none.lua", text, 1, true)
  end)

  it("ends with 2 and its usage when it is not told what", function()
    local status, text = exec ""
    assert.equal(2, status)
    assert.matches("exec APP FILE", text, 1, true)
  end)
end)
