--- What runs once for all who ask, and tickers.
local rille = require "rille"
local clock = require "rille.test.clock"
local errors = require "rille.error"

before_each(clock.freeze)

local function settle()
  rille.sleep "1ms"
end

describe("once", function()
  it("runs at the first call alone, and others wait for it", function()
    local runs = 0
    local load = rille.once(function()
      runs = runs + 1
      rille.sleep "5ms"
      return { "loaded" }
    end)
    local got = rille.all { load, load, load }
    assert.equal(got[1], got[2])
    assert.equal(got[1], load())
    assert.equal(1, runs)
  end)

  it("tries again after an error", function()
    local runs = 0
    local load = rille.once(function()
      runs = runs + 1
      return runs > 1 and "second" or error("first", 0)
    end)
    assert.has_error(load, "first")
    assert.equal("second", load())
  end)
end)

describe("once_for", function()
  it("refuses to wait for itself, and its key can be asked for again", function()
    local function ask(key, fn) return rille.once_for(key, fn) end
    local err = "this would wait for itself: the run of once_for for \"%s\" waits for this call"
    assert.error_matches(function() ask("a", function() ask("a", print) end) end, err:format "a", 1, true)
    assert.error_matches(function()
      ask("a", function() ask("b", function() ask("a", print) end) end)
    end, err:format "a", 1, true)
    assert.equal("fresh", ask("a", function() return ask("b", function() return "fresh" end) end))
    local load
    load = rille.once(function() return load() end)
    assert.error_matches(load, "this would wait for itself", 1, true)
  end)

  it("refuses to wait for a run from a task that was spawned in it, and ends with it", function()
    local err = "this would wait for itself: the run of once_for for \"%s\" waits for this call"
    local function inside(key, fn) return rille.once_for(key, function() return rille.spawn(fn):await() end) end
    local function again(key) return function() return rille.once_for(key, print) end end
    assert.error_matches(function() inside("a", again "a") end, err:format "a", 1, true)
    assert.error_matches(function() inside("a", function() rille.all { again "a" } end) end, err:format "a", 1, true)
    assert.error_matches(function() inside("a", function() rille.once_for("b", again "a") end) end, err:format "a", 1, true)
    assert.error_matches(function() inside("a", function() inside("b", again "a") end) end, err:format "a", 1, true)
    assert.equal("fresh", inside("a", function() return inside("b", function() return "fresh" end) end))
  end)

  it("lets a run ask for what another one waits for", function()
    local function slow() rille.sleep "5ms" return "slow" end
    local function asking() return rille.once_for("asking", function() return rille.once_for("slow", slow) end) end
    assert.same({ "slow", "slow", "slow" }, rille.all { asking, function() return rille.once_for("slow", slow) end, asking })
  end)

  it("takes a task for no run that has the place of one", function()
    local task = rille.spawn(rille.once_for, "stubborn", function() while true do pcall(rille.sleep, 1) end end)
    settle()
    task:cancel()
    settle() -- the run is given up
    local got = {}
    for i = 1, 20 do
      got[i] = rille.background(rille.once_for, "stubborn", function()
        return rille.once_for("other", function() rille.sleep "1ms" return i end)
      end)
    end
    local first = got[1]:await() -- whoever of them ran first
    for i = 2, 20 do
      assert.equal(first, got[i]:await())
    end
  end)

  it("shares one run among the callers of a key, its error too", function()
    local runs, runs_of = 0, {}
    local function call(key, fails)
      return function()
        return rille.once_for(key, function()
          runs, runs_of[key] = runs + 1, (runs_of[key] or 0) + 1
          local name = key .. runs_of[key]
          rille.sleep "5ms"
          return fails and error("failed", 0) or name
        end)
      end
    end
    assert.same({ "a1", "a1", "b1" }, rille.all { call "a", call "a", call "b" })
    assert.equal("a2", call "a"())
    local caught = 0
    local function catching()
      local _, err = pcall(call("c", true))
      caught = caught + (err == "failed" and 1 or 0)
    end
    rille.all { catching, catching }
    assert.equal(2, caught)
    assert.equal(4, runs)
  end)

  it("goes on while somebody waits for it, and is cancelled when nobody does", function()
    local ended
    local function run()
      return rille.once_for("key", function()
        local ok, err = pcall(rille.sleep, 10)
        ended = ok and "well" or err
        if not ok then
          error(err, 0)
        end
        return "result"
      end)
    end
    local first, second = rille.spawn(run), rille.spawn(run)
    settle()
    first:cancel()
    assert.equal("result", second:await())
    assert.equal("well", ended)
    first, second = rille.spawn(run), rille.spawn(run)
    settle()
    first:cancel()
    second:cancel()
    settle()
    assert.equal(errors.CANCELLED, ended)
    assert.has_error(function() rille.once_for("key") end,
      'once_for takes a key and a function: once_for("rates", function() … end)')
  end)
end)

describe("a ticker", function()
  it("goes on at every multiple of its interval, and leaves out what it missed", function()
    local began, at = rille.uptime(), {}
    for tick in rille.ticker "10ms" do
      at[#at + 1] = { tick, math.floor((rille.uptime() - began) * 1000 + 0.5) }
      if tick == 2 then
        rille.sleep "25ms"
      elseif tick >= 6 then
        break
      end
    end
    assert.same({ { 1, 10 }, { 2, 20 }, { 5, 50 }, { 6, 60 } }, at)
    assert.has_error(function() rille.ticker(0) end, "a ticker's interval is longer than 0")
  end)
end)
