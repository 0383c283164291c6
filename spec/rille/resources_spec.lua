--- Pools of resources: lending, waiting, checking, ending, and what is told of loans. All of it in frozen time.
local rille = require "rille"
local clock = require "rille.test.clock"
local core = require "rille.core"
local lifecycle = require "rille.lifecycle"

describe("a pool of resources", function()
  local made, ended, lines
  local log = core.log

  before_each(function()
    clock.freeze()
    made, ended, lines = 0, {}, {}
    core.log = function(level, message, ...)
      local facts = { level = level, message = message }
      for i = 1, select("#", ...), 2 do
        facts[(select(i, ...))] = (select(i + 1, ...))
      end
      lines[#lines + 1] = facts
    end
  end)

  after_each(function() core.log = log end)

  local function make(options)
    options.create = options.create or function()
      made = made + 1
      return { number = made }
    end
    options.destroy = options.destroy or function(one) ended[#ended + 1] = one.number end
    return rille.resources(options)
  end

  local function settle()
    rille.sleep "1ms"
  end

  local function number_of(one)
    return one.number
  end

  local function stats(pool, ...)
    local all, some = pool:stats(), {}
    for i, name in ipairs { ... } do
      some[i] = all[name]
    end
    return some
  end

  local function code_of(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return type(err) == "table" and err.code or err, err
  end

  -- Hold one for that long, beside the example.
  local function hold(pool, seconds)
    return rille.spawn(function()
      return pool:with(function(one)
        rille.sleep(seconds)
        return one.number
      end)
    end)
  end

  it("makes what is asked for, and lends it again", function()
    local pool = make {}
    assert.same({ 1, "x" }, { pool:with(function(one, word) return one.number, word end, "x") })
    assert.equal(1, pool:with(number_of))
    assert.equal(1, made)
    assert.same({ 1, 1, 0, 2 }, stats(pool, "open", "idle", "in_use", "acquired"))
  end)

  it("makes max at most, and serves who waits in order", function()
    local pool, order = make { max = 2, acquire_timeout = "10s" }, {}
    for i = 1, 5 do
      rille.spawn(function()
        pool:with(function() rille.sleep(i == 2 and 1.5 or 1) end)
        order[#order + 1] = i
      end)
      settle()
    end
    assert.same({ 2, 2, 3 }, stats(pool, "open", "in_use", "waiting"))
    rille.sleep "5s"
    assert.same({ 1, 2, 3, 4, 5 }, order)
    assert.equal(2, made)
  end)

  it("lends the one that came back last, so that others can end", function()
    local pool = make { idle = "10s" }
    rille.all { function() hold(pool, 1):await() end, function() hold(pool, 2):await() end }
    for _ = 1, 20 do
      rille.sleep "1s"
      pool:with(function() end)
    end
    assert.equal(1, pool:stats().open)
    assert.equal(1, #ended)
  end)

  it("has a borrower wait for acquire_timeout, and a number of them", function()
    local pool = make { max = 1, queue = 1, acquire_timeout = "3s" }
    hold(pool, 60)
    settle()
    local began = rille.uptime()
    local patient = rille.spawn(function()
      local code, err = code_of(pool.with, pool, number_of)
      return { code, err.status, err.message, rille.uptime() - began }
    end)
    settle()
    local code, err = code_of(pool.with, pool, number_of)
    assert.same({ "overloaded", 503 }, { code, err.status })
    assert.matches("^1 wait for a resource already", err.message)
    local told = patient:await()
    assert.same({ "overloaded", 503 }, { told[1], told[2] })
    assert.matches("^no resource became free within 3 s: 1 of 1 are lent %(rille.resources at .*resources_spec.lua:%d+%)$", told[3])
    assert.near(3, told[4], 0.01)
    assert.same({ 1, 1, 0 }, stats(pool, "timeouts", "refused", "waiting"))
  end)

  it("loses nothing when a borrower leaves while it is being made", function()
    local pool = make { create = function()
      rille.sleep "1s"
      made = made + 1
      return { number = made }
    end }
    local impatient = rille.spawn(pool.with, pool, number_of)
    settle()
    impatient:cancel()
    rille.sleep "2s"
    assert.same({ 1, 1, 0 }, stats(pool, "open", "idle", "waiting"))
    assert.equal(1, pool:with(number_of))
  end)

  it("tells each who waits what create raised, and tries again for the next", function()
    local tries = 0
    local pool = make { max = 1, create = function()
      tries = tries + 1
      error("no route to host " .. tries, 0)
    end }
    local told = {}
    for _ = 1, 3 do
      rille.spawn(function() table.insert(told, (code_of(pool.with, pool, number_of))) end)
    end
    settle()
    table.sort(told)
    assert.same({ "no route to host 1", "no route to host 2", "no route to host 3" }, told)
    assert.same({ 3, 0, 0 }, stats(pool, "failed", "open", "creating"))
  end)

  it("says so when create makes nothing, or one twice", function()
    assert.equal("rille.resources: create returned nothing", code_of(function() make { create = function() end }:with(number_of) end))
    local one = { number = 1 }
    local pool = make { create = function() return one end }
    pool:acquire()
    assert.matches("has already", code_of(pool.acquire, pool), 1, true)
    assert.equal(1, pool:stats().open)
  end)

  it("gives create acquire_timeout, too", function()
    local pool = make { create = function() rille.sleep "1h" end, acquire_timeout = "2s" }
    assert.equal("overloaded", code_of(pool.with, pool, number_of))
    rille.sleep "3s" -- it may have been tried once more, for who gave up in the same moment
    assert.equal(0, pool:stats().creating)
  end)

  describe("with a check", function()
    it("lends only what is fit, and what is new without asking", function()
      local unfit, asked = { true, true }, 0
      local pool = make { check = function(one)
        asked = asked + 1
        return not unfit[one.number]
      end }
      rille.all { function() hold(pool, 1):await() end, function() hold(pool, 1):await() end }
      assert.equal(0, asked)
      assert.equal(3, pool:with(number_of))
      settle()
      table.sort(ended)
      assert.same({ 1, 2 }, ended)
      assert.equal(2, pool:stats().unfit)
      assert.equal(3, pool:with(number_of))
      assert.equal(3, asked)
    end)

    it("takes one that raises or does not answer for broken", function()
      local answers = { function() error "reset by peer" end, function() rille.sleep "1h" end }
      local pool = make { check = function(one) return answers[one.number]() end, acquire_timeout = "2s" }
      pool:with(number_of)
      assert.equal(2, pool:with(number_of))
      assert.equal("overloaded", code_of(pool.with, pool, number_of))
      assert.equal(3, pool:with(number_of))
    end)

    it("keeps one whose borrower failed, as it can be asked", function()
      local pool = make { check = function() return true end }
      pcall(pool.with, pool, error, "bad")
      assert.equal(1, pool:with(number_of))
    end)
  end)

  it("ends one whose borrower failed, as nobody knows what state it is in", function()
    local pool = make {}
    local ok, err = pcall(pool.with, pool, function() error("bad", 0) end)
    assert.same({ false, "bad" }, { ok, err })
    assert.equal(2, pool:with(number_of))
    settle()
    assert.same({ 1 }, ended)
  end)

  it("ends what is idle for long, but for min_idle", function()
    local pool = make { min_idle = 1, idle = "10s" }
    rille.all { function() hold(pool, 1):await() end, function() hold(pool, 1):await() end, function() hold(pool, 1):await() end }
    rille.sleep "9s"
    assert.equal(3, pool:stats().idle)
    rille.sleep "2s"
    assert.equal(1, pool:stats().idle)
    rille.sleep "1h"
    assert.equal(1, pool:stats().idle)
  end)

  it("keeps min_idle ready from the first use on, also when making one failed", function()
    local is_down = false
    local pool = make { min_idle = 2, lifetime = "1m", create = function()
      if is_down then error("down", 0) end
      made = made + 1
      return { number = made }
    end }
    assert.equal(0, pool:stats().open)
    pool:with(number_of)
    settle()
    assert.equal(2, pool:stats().open)
    is_down = true
    rille.sleep "2m"
    assert.equal(0, pool:stats().open)
    assert.equal("a resource could not be created", lines[1].message)
    is_down = false
    rille.sleep "10s"
    assert.equal(2, pool:stats().open)
  end)

  it("ends each after its lifetime, give or take a tenth, and never while it is lent", function()
    local pool = make { lifetime = "100s", idle = "1h", max = 20 }
    local holders = {}
    for i = 1, 20 do
      holders[i] = function() hold(pool, i == 1 and 200 or 1):await() end
    end
    rille.spawn(rille.all, holders)
    rille.sleep "89s"
    assert.equal(0, #ended)
    rille.sleep "11s"
    assert.is_true(#ended > 0 and #ended < 19, #ended .. " of 19 have ended: they should not all at once")
    rille.sleep "11s"
    assert.equal(19, #ended)
    rille.sleep "100s"
    assert.equal(20, #ended)
  end)

  it("names the line that took what is lent for long, once", function()
    local pool = make { leak_after = "60s" }
    hold(pool, 300)
    rille.sleep "59s"
    assert.equal(0, #lines)
    rille.sleep "2s"
    assert.equal(1, #lines)
    assert.same({ "warn", "a resource is lent for long: it was not given back, or its work takes so long", 60 },
      { lines[1].level, lines[1].message, lines[1].seconds })
    assert.matches("resources_spec.lua:%d+$", lines[1].taken_at)
    rille.sleep "5m"
    assert.equal(1, #lines)
    assert.same({ 1, 0 }, stats(pool, "leaked", "in_use"))
  end)

  it("takes back what a task has not given back, and says where it took it", function()
    local pool, line = make {}, nil
    rille.spawn(function()
      line = debug.getinfo(1, "l").currentline + 1
      local kept = pool:acquire()
      pool:release(pool:acquire())
      return kept
    end):await()
    settle()
    assert.same({ 0, 1, 2 }, stats(pool, "in_use", "left", "acquired"))
    assert.equal(1, #lines)
    assert.matches("resources_spec.lua:" .. line .. "$", lines[1].taken_at)
    assert.same({ 1 }, ended)
  end)

  it("takes back what a request has not given back", function()
    local app, pool = rille.app(), make {}
    app:get("/", function()
      pool:acquire()
      return "ok"
    end)
    local t = rille.test(app)
    t.expect_leak()
    assert.equal(200, t:client():get("/").status)
    settle()
    assert.same({ 0, 1 }, stats(pool, "in_use", "left"))
  end)

  it("ends what is discarded, and tells who gives back what is not lent", function()
    local pool = make {}
    local one = pool:acquire()
    pool:discard(one)
    assert.has_error(function() pool:release(one) end, "resources:release: this one is not lent: it was given back already, or is not of this pool")
    assert.has_error(function() pool:discard(nil) end, "resources:discard: this one is not lent: it was given back already, or is not of this pool")
    settle()
    assert.same({ 1 }, ended)
    pool:with(function(it) pool:discard(it) end)
    settle()
    assert.same({ 1, 2 }, ended)
  end)

  it("counts one until it has been destroyed, for as long as that may take", function()
    local pool = make { max = 1, acquire_timeout = "10s", destroy = function() rille.sleep "1h" end }
    pool:discard(pool:acquire())
    rille.sleep "1s"
    local began = rille.uptime()
    pool:with(function() end)
    assert.near(9, rille.uptime() - began, 0.1)
    assert.equal("a resource could not be destroyed", lines[1].message)
  end)

  it("is closed when all has come back, and tells who waits", function()
    local pool = make { max = 1 }
    local holder = hold(pool, 2)
    settle()
    local waiting = rille.spawn(pool.with, pool, number_of)
    settle()
    assert.same({ nil, "timeout" }, { pool:close "1s" })
    assert.equal("closed", code_of(waiting.await, waiting))
    assert.is_true(pool:close())
    assert.equal(1, holder:await())
    assert.same({ 1 }, ended)
    assert.equal("closed", code_of(pool.acquire, pool))
  end)

  it("holds nothing idle at a stop, and lends until then", function()
    local pool = make { min_idle = 2 }
    pool:with(number_of)
    settle()
    lifecycle "stop"
    settle()
    assert.equal(0, pool:stats().open)
    assert.equal(3, pool:with(number_of))
    settle()
    assert.equal(0, pool:stats().open)
  end)

  it("says what its options are", function()
    assert.has_error(function() rille.resources {} end, "rille.resources: create is missing, a function that makes one")
    assert.has_error(function() rille.resources { create = print, min_idle = 9 } end, "rille.resources: min_idle is 9, and max is only 8")
    assert.has_error(function() rille.resources { create = print, destory = print } end,
      "rille.resources: there is no option 'destory': did you mean 'destroy'?")
    assert.has_error(function() make {}:with(7) end, "resources:with takes a function, and calls it with the resource: got a number")
  end)
end)
