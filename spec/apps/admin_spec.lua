--- The admin listener in production: the dashboard for who knows the token, and nothing of it elsewhere.
local server = require "spec.server"
local wire = require "spec.wire"

local TOKEN = "0123456789abcdef-xyz"

describe("the admin listener", function()
  local running, port

  setup(function()
    running = server.start {
      app = "apps/hello", env = { DATABASE_URL = "" },
      args = { "--env", "production", "--workers", "2", "--admin", "127.0.0.1:0", "--admin-token", TOKEN },
    }
    port = assert(tonumber(running:log():match "dashboard is at http://127%.0%.0%.1:(%d+)/_rille"))
  end)

  teardown(function() running:stop() end)

  local function ask(to, path, ...)
    local conn = wire.connect(to)
    conn:send(wire.get(path, ...))
    local answer = assert(conn:answer())
    conn:close()
    return answer
  end

  it("lets in who knows the token", function()
    assert.equal(200, ask(port, "/_rille", "Authorization: Bearer " .. TOKEN).status)
    assert.equal(200, ask(port, "/_rille/routes", "Authorization: Basic eDowMTIzNDU2Nzg5YWJjZGVmLXh5eg==").status)
    for _, line in ipairs { "X-None: 1", "Authorization: Bearer " .. TOKEN:sub(1, -2), "Authorization: Bearer " .. TOKEN .. "x" } do
      for _, path in ipairs { "/_rille", "/_rille/dashboard.css", "/_rille/changes" } do
        local answer = ask(port, path, line)
        assert.equal(401, answer.status, line)
        assert.matches("^Basic ", answer.headers["www-authenticate"])
      end
    end
  end)

  it("has nothing of the app, and the app nothing of it", function()
    assert.equal(404, ask(port, "/", "Authorization: Bearer " .. TOKEN).status)
    for _, path in ipairs { "/_rille", "/_rille/routes", "/_rille/refresh.js", "/_rille/changes" } do
      assert.equal(404, ask(running.port, path, "Authorization: Bearer " .. TOKEN).status, path)
    end
  end)

  it("is open when the public is turned away, and ends a page's events when the server stops", function()
    local full = server.start {
      app = "apps/hello", env = { DATABASE_URL = "" },
      args = { "--env", "production", "--admin", "127.0.0.1:0", "--admin-token", TOKEN, "--max-connections", "1" },
    }
    finally(function() full:stop() end)
    local conn = wire.connect(full.port)
    conn:send(wire.get "/")
    assert.equal(200, assert(conn:answer()).status)
    assert.equal(503, ask(full.port, "/").status)
    local page = wire.connect(tonumber(full:log():match "http://127%.0%.0%.1:(%d+)/_rille"))
    page:send(wire.get("/_rille/routes", "Accept: text/event-stream", "Authorization: Bearer " .. TOKEN))
    assert.truthy(page:await "(data:)")
    conn:close()
    os.execute("kill -TERM " .. full.pid)
    assert.equal("again", page:await "event: (%a+)")
    page:close()
    assert.equal(0, (full:stop "0"))
  end)
end)
