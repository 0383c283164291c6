--- A served app whose reads go to a replica, which lags, dies and comes back.
local client = require "spec.apps.client"
local json = require("rille").json
local followed = require "spec.followed"
local server = require "spec.server"
local wire = require "spec.wire"

describe("an app with a replica", function()
  local servers, running, api

  local function replica()
    return api:get("/stats").json.replicas[1]
  end

  local function await(state)
    assert.is_truthy(server.wait_for(function() return replica().state == state end), state)
  end

  setup(function()
    servers = followed.new()
    servers:sql [[
      create table item (id int primary key);
      create function make_item(id int) returns void language sql as 'insert into item values ($1)';
    ]]
    running = server.start {
      app = "spec/apps/replicas", args = { "--db-max-lag", "60s", "--workers", "1" },
      env = { DATABASE_URL = servers.url, RILLE_DB_REPLICAS = servers.replica_url },
    }
    api = client.new(running.port)
    await "ready"
  end)
  teardown(function()
    if running then running:stop() end
    if servers then servers:drop() end
  end)

  it("reads there what is declared to read, and nothing else", function()
    assert.equal("primary", api:get("/plain").body)
    assert.equal("replica", api:get("/reader").body)
    assert.same({ one = "replica", batch = "replica", transaction = "replica", each = "replica", task = "replica" },
      api:get("/declared").json)
  end)

  it("is shown with its database by rille status", function()
    local pipe = io.popen(("timeout 60 %s status --json --port %d"):format(os.getenv "RILLE" or "build/rille", running.port))
    local told = json.decode(pipe:read "*a")
    pipe:close()
    assert.equal(1, #told.databases)
    local copies = told.databases[1].replicas
    assert.equal(1, #copies)
    assert.same({ 1, 1 }, { copies[1].workers, copies[1].readers })
    assert.is_true(copies[1].exclusive.queries > 0)
  end)

  it("writes nowhere for who is declared to read", function()
    for _, path in ipairs { "/hidden", "/batched", "/within" } do
      local answer = api:get(path)
      assert.equal(500, answer.status)
      assert.matches("read%-only transaction: GET " .. path, answer.json.error.message)
    end
    assert.equal("0", servers:sql "select count(*) from item where id < 10")
  end)

  it("reads a request's own writes, while others read what the replica has", function()
    servers:replica_sql "select pg_wal_replay_pause()"
    assert.same({ before = "replica", after = "primary", seen = 1, task = "primary" }, api:post("/items/10", {}).json)
    assert.equal("replica", api:get("/reader").body)
    servers:replica_sql "select pg_wal_replay_resume()"
  end)

  local function get_all(path, count)
    local conns, places = {}, {}
    for i = 1, count do
      conns[i] = wire.connect(running.port)
      assert(conns[i]:send(wire.get(path)))
    end
    return function()
      for i, conn in ipairs(conns) do
        local answer = assert(conn:answer())
        conn:close()
        assert.equal(200, answer.status, answer.body)
        places[i] = answer.body
      end
      return places
    end
  end

  it("goes on at the primary when the replica is killed, and reads it again when it is back", function()
    local answers = get_all("/slow", 40)
    servers:kill()
    answers()
    for _, place in ipairs(get_all("/slow", 10)()) do
      assert.equal("primary", place)
    end
    for key, place in pairs(api:get("/declared").json) do
      assert.equal("primary", place, key)
    end
    await "down"
    servers:begin()
    await "ready"
    assert.equal("replica", api:get("/reader").body)
  end)

  it("reads no server that was promoted, and never writes there", function()
    servers:replica_sql "select pg_promote()"
    await "promoted"
    assert.equal("primary", api:get("/reader").body)
    assert.equal("primary", api:post("/items/11", {}).json.before)
    assert.equal("0", servers:replica_sql "select count(*) from item where id = 11")
  end)
end)
