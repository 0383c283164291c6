--- `rille dev` in a project of its own.
local html = require "rille.test.html"
local server = require "spec.server"
local shell = require "spec.shell"
local wire = require "spec.wire"

local MIGRATION = [[
-- migrate:up
create table words (word text);
insert into words values ('hello');
-- migrate:down
drop table words;
]]

local APP = [[
local rille = require "rille"
local app = rille.app()
app:get("/", function() return rille.db:one("select word from words").word end)
return app
]]

describe("rille dev", function()
  it("brings a database of its own, migrated, and takes it along when it ends", function()
    local dir = shell.run "mktemp -d /tmp/rille-dev.XXXXXX"
    local function db(command)
      return shell.run(("cd %s && %s db %s"):format(dir, shell.quoted(shell.rille()), command))
    end
    local function write(name, text)
      local file = assert(io.open(dir .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    shell.run("mkdir " .. dir .. "/migrations")
    write("migrations/0001_create_words.sql", MIGRATION)
    write("app.lua", APP)
    local running = server.start { app = ".", dir = dir, command = "dev", env = { DATABASE_URL = "" } }
    finally(function()
      running:stop()
      db "stop"
      shell.run("rm -rf " .. dir)
    end)
    local conn = wire.connect(running.port)
    conn:send(wire.get "/")
    assert.equal("hello", assert(conn:answer()).body)
    conn:close()
    local status, log = running:stop "INT"
    assert.equal(0, status, log)
    assert.matches("applying 0001_create_words.sql", log, 1, true)
    assert.equal("stopped", db "status")
  end)

  describe("with a route that fails", function()
    local dir, running

    -- As a browser asks; `headers` beside Host, with line ends.
    local function ask(method, path, headers, body)
      local conn = wire.connect(running.port)
      conn:send(("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/html\r\n%s%s\r\n%s"):format(method, path, running.port,
        headers or "", body and ("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n"):format(#body) or "",
        body or ""))
      local answer = assert(conn:answer())
      conn:close()
      return answer
    end

    local function token_of_page()
      local page = ask("GET", "/items/7?colour=red&token=s3cr3t", "X-Note: \"]]..os.exit()--\r\n")
      assert.equal(500, page.status)
      local form = assert(html.form(page.body))
      assert.same({ "POST", "/_rille/specs" }, { form.method, form.action })
      return form.values.token
    end

    local function press(token, origin)
      return ask("POST", "/_rille/specs", origin and "Origin: " .. origin .. "\r\n" or "", "token=" .. token)
    end

    local function own()
      return "http://127.0.0.1:" .. running.port
    end

    local function written()
      return (shell.run(("cd %s && find . -name '*_spec.lua' | sort"):format(dir)))
    end

    setup(function()
      dir = shell.run "mktemp -d /tmp/rille-dev.XXXXXX"
      local file = assert(io.open(dir .. "/app.lua", "w"))
      file:write 'local app = require("rille").app()\napp:get("/items/:id", function(c) error("no luck with " .. c.params.id) end)\nreturn app\n'
      file:close()
      running = server.start { app = ".", dir = dir, command = "dev", env = { DATABASE_URL = "" } }
    end)
    teardown(function()
      running:stop()
      shell.run("rm -rf " .. dir)
    end)

    it("writes nothing for a page of somebody else's, nor what it chose", function()
      local token = token_of_page()
      for _, origin in ipairs { "http://evil.test", "null", own() .. ".evil.test", "http://localhost:" .. running.port, false } do
        assert.equal(403, press(token, origin).status, tostring(origin))
      end
      assert.equal(403, press(("0"):rep(32), own()).status)
      assert.equal(403, ask("POST", "/_rille/specs", "Origin: " .. own() .. "\r\n", "text=os.exit()&name=evil").status)
      assert.equal(405, ask("GET", "/_rille/specs?token=" .. token).status)
      for _, file in ipairs { "..%2F..%2Fapp.lua", "app.lua", "nothing_spec.lua" } do
        assert.equal(404, ask("GET", "/_rille/specs/" .. file).status, file)
      end
      assert.equal("", written())
    end)

    it("writes the request as a spec that fails as the request did, and over no file", function()
      local token = token_of_page()
      local answer = press(token, own())
      assert.same({ 303, "/_rille/specs/get_items_id_spec.lua" }, { answer.status, answer.headers.location })
      assert.equal(403, press(token, own()).status) -- once
      local page = ask("GET", answer.headers.location).body
      assert.matches("rille spec spec/get_items_id_spec.lua", page, 1, true)
      local text = shell.read_file(dir .. "/spec/get_items_id_spec.lua")
      assert.is_nil(text:find "s3cr3t")
      local told = shell.run(("cd %s && env -u DATABASE_URL %s spec -o TAP spec/get_items_id_spec.lua || true"):format(dir,
        shell.quoted(shell.rille())))
      assert.matches("not ok 1 - answers GET /items/7?colour=red&token=hidden\n", told, 1, true)
      assert.matches("no luck with 7", told, 1, true)
      assert.equal("/_rille/specs/get_items_id_2_spec.lua", press(token_of_page(), own()).headers.location)
      assert.equal(text, shell.read_file(dir .. "/spec/get_items_id_spec.lua"))
      assert.equal("./spec/get_items_id_2_spec.lua\n./spec/get_items_id_spec.lua", written())
    end)
  end)

  it("answers by local names and those that are listed, and listens for other machines only when told to", function()
    local running = server.start { app = ".", dir = "apps/hello", command = "dev", env = { DATABASE_URL = "", RILLE_ALLOWED_HOSTS = "shop.test" } }
    finally(function() running:stop() end)
    local function status_as(host)
      local conn = wire.connect(running.port)
      conn:send(("GET / HTTP/1.1\r\nHost: %s\r\n\r\n"):format(host))
      local status = assert(conn:answer()).status
      conn:close()
      return status
    end
    for _, host in ipairs { "localhost", "127.0.0.1:" .. running.port, "a.localhost:1", "[::1]", "shop.test" } do
      assert.equal(200, status_as(host), host)
    end
    assert.equal(421, status_as "evil.test")
    local said = shell.run(shell.quoted(shell.rille()) .. " dev apps/hello --host 0.0.0.0 2>&1; true")
    assert.matches("rille dev: on 0.0.0.0 others could read", said, 1, true)
    assert.matches("--expose", said, 1, true)
  end)

  it("answers by any name when it is exposed", function()
    local running = server.start {
      app = ".", dir = "apps/hello", command = "dev", env = { DATABASE_URL = "", RILLE_ALLOWED_HOSTS = "" }, args = { "--expose" },
    }
    finally(function() running:stop() end)
    local conn = wire.connect(running.port)
    conn:send(wire.get "/")
    assert.equal(200, assert(conn:answer()).status)
    conn:close()
  end)
end)
