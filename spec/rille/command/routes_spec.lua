--- `rille routes APP`, as one types it.
local core = require "rille.core"
local shell = require "spec.shell"

describe("rille routes", function()
  local dir

  local function rille(words)
    local pipe = io.popen(("env -u DATABASE_URL timeout 60 %s routes %s 2>&1; echo $?"):format(os.getenv "RILLE" or "build/rille", words))
    local text, status = pipe:read("*a"):gsub((dir:gsub("%p", "%%%0")), "DIR"):match "^(.-)(%d+)\n$"
    pipe:close()
    return tonumber(status), text
  end

  local function write(text)
    local file = assert(io.open(dir .. "/app.lua", "w"))
    file:write(text)
    file:close()
  end

  before_each(function() dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX" end)
  after_each(function() shell.run("rm -rf " .. dir) end)

  it("lists method, path, name, handler and middleware", function()
    write [[
local rille = require "rille"
local app = rille.app()
app:use(function(c, next) return next(c) end)
local admin = app:group("/admin")
admin:get("/users/:id", { name = "user", use = { function(c, next) return next(c) end } }, function() return "" end)
app:post("/orders", function() end)
return app
]]
    local status, text = rille(dir)
    assert.equal(0, status, text)
    assert.matches("^GET +/admin/users/:id +user +DIR/app.lua:5 +DIR/app.lua:3 DIR/app.lua:5\nPOST +/orders +DIR/app.lua:6 +DIR/app.lua:3\n$",
      text)
    status, text = rille(dir .. " --json")
    assert.equal(0, status, text)
    local rows = core.json_decode(text)
    assert.same({ "POST", "/orders", "DIR/app.lua:6", { "DIR/app.lua:3" } },
      { rows[2].method, rows[2].path, rows[2].handler, { unpack(rows[2].middleware) } })
  end)

  it("tells what is wrong", function()
    write "local app = require('rille').app()\napp:get('/a', print)\napp:get('/a', print)\nreturn app"
    local status, text = rille(dir)
    assert.equal(1, status)
    assert.matches("DIR/app.lua:3", text, 1, true)
    assert.equal(1, (rille(dir .. " --workers x")))
    status, text = rille(dir .. " --jsn")
    assert.equal(2, status)
    assert.matches("rille routes: there is no flag --jsn: did you mean --json?\n", text, 1, true)
    status, text = rille(dir .. " --help")
    assert.equal(0, status)
    assert.matches("usage: rille routes APP", text, 1, true)
  end)
end)
