local client = require "spec.apps.client"
local database = require "spec.apps.database"
local server = require "spec.server"
local shell = require "spec.shell"

describe("apps/hello", function()
  local base, running, api

  setup(function()
    base = database.new()
    base:migrate()
    base:sql("insert into countries values ('JP', 'JPN', '392', 'Japan', null, '🇯🇵')")
    base:sql("insert into users (email, name, country_code) values ('ada@example.com', 'Ada', 'JP')")
    running = server.start{ app = "apps/hello", env = { DATABASE_URL = base.url } }
    api = client.new(running.port)
  end)

  teardown(function()
    if running then running:stop() end
    if base then base:drop() end
  end)

  it("answers a string as text", function()
    local answer = api:get("/")
    assert.equal(200, answer.status)
    assert.equal("Hello, World!", answer.body)
    assert.truthy(answer.headers["content-type"]:find("^text/plain"))
  end)

  it("answers a row as JSON, its columns in their order", function()
    local answer = api:get("/countries/jp")
    assert.equal(200, answer.status)
    assert.equal('{"code":"JP","name":"Japan"}', answer.body)
  end)

  it("fails with the one form that errors have", function()
    local answer = api:get("/countries/xx")
    assert.equal(404, answer.status)
    assert.equal("not_found", answer.json.error.code)
    assert.equal("no such country", answer.json.error.message)
  end)

  it("runs two queries in one wait", function()
    assert.same({ users = 1, orders = 0 }, api:get("/summary").json)
  end)

  it("needs no database until a route asks for one", function()
    local alone = server.start{ app = "apps/hello", env = { DATABASE_URL = "" } }
    finally(function() alone:stop() end)
    local lonely = client.new(alone.port)
    assert.equal("Hello, World!", lonely:get("/").body)
    assert.is_nil(shell.read_file("/proc/" .. alone.pid .. "/maps"):match "libpq") -- to load it doubled the time to here
    assert.equal(500, lonely:get("/countries/is").status)
    assert.truthy(server.wait_for(function()
      return alone:log():find("no database is configured: set DATABASE_URL", 1, true)
    end))
  end)

  it("stops when it is told to", function()
    local brief = server.start{ app = "apps/hello" }
    assert.equal(0, brief:stop())
  end)
end)
