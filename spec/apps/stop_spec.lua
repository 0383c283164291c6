--- The end of a server: what it waits for, and what it says of whom it cannot wait for.
local server = require "spec.server"
local wire = require "spec.wire"

describe("a server that is told to stop", function()
  -- Its log, when it has stopped after these requests.
  local function log_of(drain_timeout, ...)
    local running = server.start {
      app = "spec/apps/stop", env = { DATABASE_URL = "" },
      args = { "--workers", "1", "--stop-delay", "0", "--drain-timeout", drain_timeout },
    }
    finally(function() running:stop() end)
    local conn = wire.connect(running.port)
    for _, path in ipairs { ... } do
      conn:send(wire.get(path))
      assert.equal(204, assert(conn:answer()).status)
    end
    conn:close()
    local status, log = running:stop()
    assert.equal(0, status, log)
    return log
  end

  it("waits for background tasks, behind the app's own stop", function()
    local log = log_of("20s", "/short")
    assert.matches("the app stops.*the short task has ended", log)
    assert.is_nil(log:find("drain_timeout", 1, true), log)
  end)

  it("names those that do not end in time, by where they were made", function()
    local log = log_of("100ms", "/endless", "/endless")
    assert.matches("stopping: background tasks did not end within drain_timeout and are cancelled", log, 1, true)
    assert.matches("made_at=spec/apps/stop/app.lua:16 count=2", log, 1, true)
  end)

  it("does not wait for one that the app ends itself", function()
    local log = log_of("20s", "/until-stop")
    assert.is_nil(log:find("drain_timeout", 1, true), log)
  end)
end)
