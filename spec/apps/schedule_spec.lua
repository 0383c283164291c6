--- Schedules of servers that share a database: in each worker, in each process, and in one process of all.
local database = require "spec.apps.database"
local server = require "spec.server"

describe("schedules of two servers", function()
  local base, servers = nil, {}

  setup(function()
    base = database.new()
    base:sql "create table runs (scope text not null, port double precision not null)"
  end)

  teardown(function()
    for _, s in pairs(servers) do
      s:stop()
    end
    if base then base:drop() end
  end)

  -- Which one it is, it knows by a setting that nothing here depends on.
  local function start(number)
    servers[number] = server.start {
      app = "spec/apps/schedule", env = { DATABASE_URL = base.url },
      args = { "--workers", "2", "--keepalive-timeout", number .. "s" },
    }
  end

  local function count(scope, number)
    return tonumber(base:sql(("select count(*) from runs where scope = '%s' and port = %d"):format(scope, number)))
  end

  local function await(what)
    assert.truthy(server.wait_for(what))
  end

  it("run where they should, and one server takes over from another", function()
    start(61)
    await(function() return count("cluster", 61) >= 2 end)
    start(62)
    await(function() return count("node", 62) >= 20 end)
    assert.equal(0, count("cluster", 62))
    for _, number in ipairs { 61, 62 } do -- one worker may have begun late, but then there are two
      await(function() return count("worker", number) > 1.2 * count("node", number) end)
    end
    assert.equal(0, (servers[61]:stop()))
    servers[61] = nil
    await(function() return count("cluster", 62) >= 2 end)
  end)
end)
