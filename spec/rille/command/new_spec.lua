--- `rille new`: a project whose specs pass, which is checked, migrated and served.
local server = require "spec.server"
local shell = require "spec.shell"
local wire = require "spec.wire"

describe("rille new", function()
  local dir

  -- Its output and its exit status, in `where` and without a database from outside.
  local function run(where, words)
    local pipe = io.popen(("cd '%s/%s' && env -u DATABASE_URL %s %s 2>&1 </dev/null; echo $?"):format(dir, where,
      shell.quoted(shell.rille()), words))
    local output, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
    pipe:close()
    return output, tonumber(status)
  end

  setup(function()
    dir = shell.run "mktemp -d /tmp/rille-new.XXXXXX"
    local output, status = run("", "new blog")
    assert(status == 0, output)
  end)

  teardown(function()
    run("blog", "db stop")
    run("blog", "db stop .rille/spec")
    shell.run("rm -rf " .. dir)
  end)

  it("makes a project that is in order", function()
    local output, status = run("blog", "check .")
    assert.equal(0, status, output)
    assert.matches("/posts/:id/comments", output, 1, true)
    for _, path in ipairs { "README.md", "Dockerfile", "compose.yaml", ".gitignore", ".luarc.json", "config/production.lua" } do
      local text = assert(shell.read_file(dir .. "/blog/" .. path), path)
      assert.is_nil(text:find("NAME", 1, true), path)
    end
  end)

  it("makes specs that pass, in a database of their own that ends with them", function()
    for _ = 1, 2 do -- with a new cluster, and with the one that is there
      local output, status = run("blog", "spec -o TAP")
      assert.equal(0, status, output)
      assert.matches("ok 6 - posts", output, 1, true)
    end
    assert.equal("stopped\n", (run("blog", "db status .rille/spec")))
    assert.equal("absent\n", (run("blog", "db status")))
  end)

  it("makes specs that fail when the app is wrong, and says when its migrations are", function()
    local model = dir .. "/blog/models/post.lua"
    shell.run("cp -r " .. dir .. "/blog/models " .. dir .. "/kept")
    finally(function() shell.run(("rm -r %s/blog/models && mv %s/kept %s/blog/models"):format(dir, dir, dir)) end)
    shell.run("sed -i s/-id/id/ " .. model)
    local output, status = run("blog", "spec -o TAP")
    assert.equal(1, status, output)
    assert.matches("not ok 3 - posts are listed, newest first", output, 1, true)
    local broken = dir .. "/blog/migrations/0002_break.sql"
    shell.run("printf -- '-- migrate:up\\nselect broken;\\n-- migrate:down\\n' > " .. broken)
    output, status = run("blog", "spec")
    os.remove(broken)
    assert.equal(1, status, output)
    assert.matches("0002_break.sql", output, 1, true)
    assert.matches("stopped", (run("blog", "db status .rille/spec")), 1, true)
  end)

  it("lets one run at a time have that database", function()
    local holder = assert(io.open(dir .. "/blog/.rille/spec.lock", "w"))
    finally(function() holder:close() end)
    assert(require("lfs").lock(holder, "w"))
    local output, status = run("blog", "spec")
    assert.equal(1, status)
    assert.matches("another `rille spec` in this folder", output, 1, true)
  end)

  it("makes an app that is migrated and served", function()
    local running = server.start { app = ".", dir = dir .. "/blog", command = "dev", env = { DATABASE_URL = "" } }
    finally(function() running:stop() end)
    local conn = wire.connect(running.port)
    local function post(path, json)
      conn:send(("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
        :format(path, #json, json))
      return assert(conn:answer())
    end
    assert.equal(201, post("/posts", '{"title":"Tea","body":"With milk."}').status)
    assert.equal(201, post("/posts/1/comments", '{"author":"Ada","body":"Quite so."}').status)
    conn:send(wire.get "/")
    local page = assert(conn:answer()).body
    assert.matches("Tea", page, 1, true)
    assert.matches("Comments: 1", page, 1, true)
    conn:send(wire.get "/livez") -- what docker/Dockerfile's HEALTHCHECK asks
    assert.equal(200, assert(conn:answer()).status)
    conn:close()
    shell.run(("echo 'print(#require(\"models.post\"):all())' > %s/blog/count.lua"):format(dir))
    assert.equal("1\n", (run("blog", "exec . count.lua"))) -- of the database that runs, as what follows
    os.remove(dir .. "/blog/count.lua")
    assert.matches("pending 0", (run("blog", "migrate status")), 1, true)
  end)

  it("refuses names and folders that are not for it", function()
    for name, why in pairs {
      ["Blog"] = "is no name for a project", ["../x"] = "is no name for a project", ["''"] = "is no name for a project",
      [("x"):rep(51)] = "is no name for a project", ["blog"] = "is there and not empty", ["a b"] = "'b' is too much",
    } do
      local output, status = run("", "new " .. name)
      assert.equal(2, status, output)
      assert.matches(why, output, 1, true)
    end
    shell.run("mkdir " .. dir .. "/empty && touch " .. dir .. "/file")
    assert.equal(0, select(2, run("", "new empty")))
    assert.matches("there is a file 'file' already", (run("", "new file")), 1, true)
  end)
end)
