--- What the button on the error page writes, and where.
local core = require "rille.core"
local recorder = require "rille.recorder"
local shell = require "spec.shell"

describe("the recorder", function()
  local dir, app_dir

  before_each(function()
    dir, app_dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX", core.settings.app_dir
    core.settings.app_dir = dir
  end)
  after_each(function()
    core.settings.app_dir = app_dir
    shell.run("rm -rf " .. dir)
  end)

  it("writes a text once, in a file called after the route", function()
    for route, name in pairs {
      ["GET /posts/:id"] = "get_posts_id_spec.lua", ["POST /"] = "post_spec.lua",
      ["GET /../../etc/*passwd"] = "get_etc_passwd_spec.lua", ["/"] = "request_spec.lua",
    } do
      local token = recorder.offer(route, "-- " .. route)
      assert.equal(name, recorder.write(token))
      local text, path = recorder.read(name)
      assert.same({ "-- " .. route .. "\n", dir .. "/spec/" .. name }, { text, path })
      assert.has_error(function() recorder.write(token) end,
        "forbidden: this was written already, or is over: load the page of the error again")
    end
  end)

  it("leaves each file as it is, also one that a link stands for", function()
    shell.run(("mkdir %s/spec && echo mine > %s/spec/get_spec.lua && ln -s get_spec.lua %s/spec/get_2_spec.lua"):format(dir, dir, dir))
    assert.equal("get_3_spec.lua", recorder.write(recorder.offer("GET /", "-- new")))
    assert.equal("mine\n", shell.read_file(dir .. "/spec/get_2_spec.lua"))
  end)

  it("says why it cannot write", function()
    shell.run("echo in the way > " .. dir .. "/spec")
    local ok, err = pcall(recorder.write, recorder.offer("GET /", "-- new"))
    assert.same({ false, 409 }, { ok, err.status })
    assert.matches("cannot write .*/spec/get_spec.lua: .*Not a directory", err.message)
  end)

  it("keeps no text that is too long, and reads no file of another name", function()
    assert.is_nil(recorder.offer("GET /", ("x"):rep(64 * 1024 + 1)))
    shell.run("echo secret > " .. dir .. "/app.lua")
    for _, name in ipairs { "../app.lua", "app.lua", "none_spec.lua" } do assert.is_nil((recorder.read(name))) end
  end)
end)
