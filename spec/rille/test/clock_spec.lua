--- t.clock: time that stands, and goes on when it is told to or when everybody waits.
local cluster = require "spec.cluster"
local database = require "rille.db"
local rille = require "rille"

local HOUR = 3600

local app = rille.app()
app:get("/slow", { timeout = "30s" }, function(c)
  rille.sleep(tonumber(c.query.seconds))
  return { remaining = c:remaining() }
end)
app:get("/now", function() return { now = rille.now(), uptime = rille.uptime() } end)

local t = rille.test(app)

local function round(seconds)
  return math.floor(seconds * 1000 + 0.5) / 1000
end

-- Seconds of the real clock that `fn` takes, for what must not take an hour.
local function real_seconds(fn)
  local read = io.open "/proc/uptime"
  local began = read:read "*n"
  fn()
  read:seek("set", 0)
  local ended = read:read "*n"
  read:close()
  return ended - began
end

describe("a frozen clock", function()
  it("stands while anybody works", function()
    t.clock.freeze()
    local now, uptime = t.clock.now(), rille.uptime()
    local sum = 0
    for i = 1, 1e6 do
      sum = sum + i
    end
    rille.sleep(0)
    assert.equal(now, rille.now())
    assert.equal(uptime, rille.uptime())
    local seen = t:client():get("/now").json
    assert.equal(0, round(seen.now - now))
    assert.equal(0, round(seen.uptime - uptime))
  end)

  it("is moved by as much as it is told", function()
    t.clock.freeze()
    local now, uptime = rille.now(), rille.uptime()
    t.clock.advance(1.25)
    t.clock.advance "2h"
    t.clock.advance(0)
    assert.equal(2 * HOUR + 1.25, round(rille.now() - now))
    assert.equal(2 * HOUR + 1.25, round(rille.uptime() - uptime))
    assert.equal(rille.now(), t.clock.now())
    assert.equal(round(rille.now()), round(t:client():get("/now").json.now))
  end)

  it("jumps over a sleep", function()
    t.clock.freeze()
    local uptime = rille.uptime()
    assert.is_true(real_seconds(function() rille.sleep(24 * HOUR) end) < HOUR)
    assert.equal(24 * HOUR, round(rille.uptime() - uptime))
  end)

  it("does what comes due on the way, each at its own time", function()
    t.clock.freeze()
    local began, seen = rille.uptime(), {}
    local function note(name)
      seen[#seen + 1] = ("%s %g"):format(name, round(rille.uptime() - began))
    end
    rille.spawn(function()
      for _ = 1, 3 do
        rille.sleep "10s"
        note "every ten"
      end
    end)
    rille.spawn(function() rille.sleep "15s" note "fifteen" end)
    t.clock.advance "25s"
    note "moved"
    t.clock.advance "4999ms"
    note "nearly"
    t.clock.advance "2ms"
    note "there"
    assert.same({ "every ten 10", "fifteen 15", "every ten 20", "moved 25", "nearly 29.999", "every ten 30", "there 30.001" },
      seen)
  end)

  it("is what timeouts and deadlines go by", function()
    t.clock.freeze()
    local uptime = rille.uptime()
    local ok, err = pcall(rille.timeout, "10m", function() rille.sleep "1h" end)
    assert.is_false(ok)
    assert.equal("timeout", err.code)
    assert.equal(600, round(rille.uptime() - uptime))
    local api = t:client()
    assert.equal(20, round(api:get("/slow", { query = { seconds = 10 } }).json.remaining))
    assert.equal(504, api:get("/slow", { query = { seconds = 31 } }).status)
    assert.equal(640, round(rille.uptime() - uptime))
  end)

  it("lets two at once wait side by side", function()
    t.clock.freeze()
    local uptime = rille.uptime()
    local api = t:client()
    rille.all {
      function() return api:get("/slow", { query = { seconds = 20 } }).json end,
      function() return api:get("/slow", { query = { seconds = 25 } }).json end,
    }
    assert.equal(25, round(rille.uptime() - uptime))
  end)
end)

describe("real work under a frozen clock", function()
  local dir, db

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir = name:read "*l"
    name:close()
    db = database.open { url = cluster.start(dir .. "/pg", { durable = false }) }
  end)

  teardown(function()
    db:close()
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("is not done for the time that is passed by", function()
    for _ = 1, 2 do
      assert.equal(1, db:one("select 1 as n").n)
      db:transaction(function() db:exec "select 1" end)
    end
    local before = db:stats().connects
    t.clock.advance "100d"
    assert.equal(1, db:one("select 1 as n").n)
    local connects = db:stats().connects - before
    assert.is_true(connects < 20, connects .. " connections were made") -- not one for each half-hour
  end)

  it("takes no time", function()
    t.clock.freeze()
    local uptime, woken = rille.uptime(), nil
    local sleeper = rille.spawn(function() rille.sleep "1ms" woken = true end)
    for _ = 1, 3 do
      assert.equal(1, db:one("select 1 as n from pg_sleep(0.02)").n)
    end
    assert.is_nil(woken)
    assert.equal(0, round(rille.uptime() - uptime))
    sleeper:await()
    assert.equal(0.001, round(rille.uptime() - uptime))
  end)
end)

describe("the clock of the next example", function()
  local frozen_at

  it("is left alone by a freeze,", function()
    t.clock.advance "1000h"
    frozen_at = rille.uptime()
  end)

  it("as it runs again, and the time of day is the real one", function()
    local uptime, now = rille.uptime(), rille.now()
    assert.is_true(frozen_at and uptime >= frozen_at) -- a clock never goes back
    assert.is_true(math.abs(os.time() - now) < HOUR)
    rille.sleep "2ms"
    assert.is_true(rille.uptime() - uptime >= 0.001)
    assert.is_true(rille.now() > now)
  end)

  local ok, why = pcall(t.clock.freeze)
  it("cannot be frozen outside of one", function()
    assert.is_false(ok)
    assert.matches("t.clock.freeze belongs inside an example", why, 1, true)
  end)
end)
