--- Schedules: when they run, where, and what becomes of runs that overlap, fail or last. In frozen time.
local rille = require "rille"
local clock = require "rille.test.clock"
local core = require "rille.core"
local leader = require "rille.leader"
local lifecycle = require "rille.lifecycle"

describe("a schedule", function()
  local lines
  local log, worker, wall = core.log, core.worker, core.wall

  before_each(function()
    clock.freeze()
    lines = {}
    core.log = function(level, message, ...)
      local facts = { level = level, message = message }
      for i = 1, select("#", ...), 2 do
        facts[(select(i, ...))] = (select(i + 1, ...))
      end
      lines[#lines + 1] = facts
    end
  end)

  after_each(function()
    lifecycle "stop"
    core.log, core.worker, core.wall = log, worker, wall
  end)

  -- An app that serves, with what `note` notes in it.
  local function serve(note)
    local app = rille.app()
    note(app)
    lifecycle.add { app }
    lifecycle "start"
  end

  local function seconds_since(began)
    return math.floor(rille.uptime() - began + 0.5)
  end

  -- Lines of a level, by their words.
  local function said(level)
    local words = {}
    for _, line in ipairs(lines) do
      if line.level == level then
        words[#words + 1] = line.message
      end
    end
    return words
  end

  it("of app:every runs at multiples of its interval from the start, whatever it takes", function()
    local began, at = rille.uptime(), {}
    serve(function(app)
      app:every("10s", function()
        at[#at + 1] = seconds_since(began)
        rille.sleep "3s"
      end)
    end)
    rille.sleep "35s"
    assert.same({ 10, 20, 30 }, at)
    assert.same({ "a scheduled run has ended", "a scheduled run has ended", "a scheduled run has ended" }, said "debug")
  end)

  it("of app:cron runs by the clock on the wall", function()
    local at = {}
    local offset = 1774659600 - wall() -- 2026-03-28 01:00 UTC, 02:00 in Berlin
    core.wall = function() return wall() + offset end
    serve(function(app)
      app:cron("30 2 * * *", function() at[#at + 1] = os.date("!%d %H:%M", core.wall() + 0.5) end, { zone = "Europe/Berlin" })
    end)
    rille.sleep "49h"
    assert.same({ "28 01:30", "29 01:00", "30 00:30" }, at) -- on the 29th the clocks go from 02:00 to 03:00
  end)

  it("does not run twice when the clock is put back, and once when it is put forward", function()
    local at, put = {}, 3601 - wall() % 3600 -- it is a second past the hour
    core.wall = function() return wall() + put end
    serve(function(app)
      app:cron("@hourly", function() at[#at + 1] = core.wall() end)
    end)
    rille.sleep "1h"
    assert.equal(1, #at)
    put = put - 1800
    rille.sleep "80m"
    assert.equal(1, #at)
    put = put + 86400
    rille.sleep "2m"
    assert.equal(2, #at)
  end)

  it("leaves a run out while the last one lasts, and says so", function()
    local runs = 0
    serve(function(app)
      app:every("10s", function()
        runs = runs + 1
        rille.sleep "25s"
      end, { name = "slow" })
    end)
    rille.sleep "41s"
    assert.equal(2, runs)
    assert.same({ "a scheduled run is left out: the last one still runs", "a scheduled run is left out: the last one still runs" }, said "warn")
    assert.equal("slow", lines[1].schedule)
  end)

  it("has one run wait, when it is told to", function()
    local began, at = rille.uptime(), {}
    serve(function(app)
      app:every("10s", function()
        at[#at + 1] = seconds_since(began)
        rille.sleep "25s"
      end, { overlap = "queue" })
    end)
    rille.sleep "90s"
    assert.same({ 10, 35, 60, 85 }, at)
    assert.same({}, said "warn")
  end)

  it("gives each run a name and an id, in its log, and tells of faults with them", function()
    local ids = {}
    serve(function(app)
      app:every("10s", function(run)
        ids[#ids + 1] = run.id
        run.log.info("half", { done = 1 })
        error "the disk is full"
      end, { name = "backup" })
    end)
    rille.sleep "21s"
    assert.equal(2, #ids)
    assert.not_equal(ids[1], ids[2])
    assert.same({ "half", "backup", ids[1], 1 }, { lines[1].message, lines[1].schedule, lines[1].run, lines[1].done })
    local fault = lines[2]
    assert.same({ "a scheduled run failed", "backup", ids[1] }, { fault.message, fault.schedule, fault.run })
    assert.matches("schedule_spec.lua:%d+: the disk is full", fault.error)
    assert.matches("stack traceback", fault.trace, 1, true)
  end)

  it("ends a run that lasts too long", function()
    serve(function(app)
      app:every("10s", function() rille.sleep "1d" end, { timeout = "5s" })
    end)
    rille.sleep "16s"
    assert.same({ "a scheduled run failed" }, said "error")
    assert.matches("timeout", lines[1].error)
  end)

  it("begins each run up to jitter later", function()
    local began, early, most = rille.uptime(), 0, 0
    serve(function(app)
      app:every("100s", function()
        local late = (rille.uptime() - began) % 100
        most = math.max(most, late)
        early = early + (late < 10 and 1 or 0)
      end, { jitter = "20s" })
    end)
    rille.sleep(100 * 60 + 50)
    assert.is_true(most <= 20.1 and most > 10, "the latest came " .. most .. " s late")
    assert.is_true(early > 5)
  end)

  it("runs in one worker of the process, or in each", function()
    local ran = {}
    core.worker = function() return 1 end
    serve(function(app)
      app:every("10s", function() ran[#ran + 1] = "node" end)
      app:every("10s", function() ran[#ran + 1] = "worker" end, { scope = "worker" })
      app:every("10s", function() ran[#ran + 1] = "cluster" end, { scope = "cluster", name = "x" })
    end)
    rille.sleep "15s"
    assert.same({ "worker" }, ran)
  end)

  it("of the cluster runs where the database says, and nowhere when it says nothing", function()
    local leads, answer, runs = leader.leads, true, 0
    finally(function() leader.leads = leads end)
    leader.leads = function(name)
      assert.equal("nightly", name)
      if answer == nil then error("down", 0) end
      return answer
    end
    serve(function(app)
      app:every("10s", function() runs = runs + 1 end, { scope = "cluster", name = "nightly" })
    end)
    rille.sleep "11s"
    assert.equal(1, runs)
    answer = false
    rille.sleep "10s"
    assert.equal(1, runs)
    answer = nil
    rille.sleep "10s"
    assert.equal(1, runs)
    assert.same({ "a schedule does not run: nobody knows which node should" }, said "error")
    answer = true
    rille.sleep "10s"
    assert.equal(2, runs)
  end)

  it("ends with the server: what runs goes on, and nothing comes due any more", function()
    local runs, ended = 0, 0
    serve(function(app)
      app:every("10s", function()
        runs = runs + 1
        rille.sleep "5s"
        ended = ended + 1
      end)
      app:every("10s", function() error "it had not begun" end, { jitter = "1d" })
    end)
    rille.sleep "11s"
    lifecycle "stop"
    rille.sleep "1d"
    assert.same({ 1, 1 }, { runs, ended })
    assert.same({}, said "error")
  end)

  it("says what it cannot be", function()
    local app = rille.app()
    local function noop() end
    assert.has_error(function() app:every("5x", noop) end,
      'a duration is a number of seconds or a text like "250ms", "5s", "10m": got "5x"')
    assert.has_error(function() app:every(0, noop) end, "app:every: an interval is a millisecond or longer")
    assert.has_error(function() app:every("5m") end, "app:every takes a function behind when it is due: got a nil")
    assert.has_error(function() app:every("5m", noop, { zone = "UTC" }) end,
      "app:every: the time of day is nothing to it, so there is no zone: see app:cron")
    assert.has_error(function() app:every("5m", noop, { scope = "cluster" }) end,
      'app:every: a schedule of the cluster has a name, by which its nodes know it: { scope = "cluster", name = "…" }')
    assert.has_error(function() app:cron("0 25 * * *", noop) end, "cron \"0 25 * * *\": hour is 0 to 23: got '25'")
    assert.has_error(function() app:cron(5, noop) end, 'app:cron takes a text such as "0 3 * * *" first: got a number')
    assert.has_error(function() app:cron("@daily", noop, { overlop = "queue" }) end,
      "app:cron: there is no option 'overlop': did you mean 'overlap'?")
  end)

  it("is moved by t.clock", function()
    local app, runs = rille.app(), 0
    app:every("5m", function() runs = runs + 1 end)
    local t = rille.test(app)
    t.clock.advance "16m"
    assert.equal(3, runs)
  end)
end)
