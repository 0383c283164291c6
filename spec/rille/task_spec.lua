--- Tasks, as apps use them. Each example is itself a task.
local cleanup = require "rille.cleanup"
local rille = require "rille"
local clock = require "rille.test.clock"
local core = require "rille.core"
local errors = require "rille.error"

before_each(clock.freeze)

describe("spawn", function()
  it("runs beside its caller and gives its results", function()
    local order = {}
    local task = rille.spawn(function(a, b)
      order[#order + 1] = "task"
      return a + b, "second"
    end, 1, 2)
    order[#order + 1] = "caller"
    local sum, second = task:await()
    assert.same({ "caller", "task" }, order)
    assert.equal(3, sum)
    assert.equal("second", second)
    assert.is_true(task:done())
  end)

  it("keeps nil results in their places", function()
    assert.equal(3, select("#", rille.spawn(function() return nil, nil, nil end):await()))
  end)

  it("raises in await what the task raised", function()
    local task = rille.spawn(function() errors.fail(404, "gone") end)
    local ok, err = pcall(task.await, task)
    assert.is_false(ok)
    assert.equal(404, err.status)
  end)

  it("gives nil and 'timeout' to a caller who will not wait so long, and goes on", function()
    local task = rille.spawn(function() rille.sleep "30ms" return "done" end)
    assert.same({ nil, "timeout" }, { task:await "1ms" })
    assert.equal("done", task:await())
  end)

  it("raises at every wait once it was cancelled", function()
    local raised = 0
    local task = rille.spawn(function()
      for _ = 1, 3 do
        local ok, err = pcall(rille.sleep, 10)
        if not ok and err == errors.CANCELLED then
          raised = raised + 1
        end
      end
    end)
    rille.sleep(0)
    task:cancel()
    task:await()
    assert.equal(3, raised)
  end)

  it("ends the children of a task with the task", function()
    local reached = false
    rille.spawn(function()
      rille.spawn(function()
        rille.sleep "20ms"
        reached = true
      end)
      rille.sleep(0)
    end):await()
    rille.sleep "40ms"
    assert.is_false(reached)
  end)

  it("refuses what is no function, naming the caller's line", function()
    local ok, err = pcall(rille.spawn, 7)
    assert.is_false(ok)
    assert.matches("a task is a function, not what it returns, as in rille.spawn(fn, argument): got a number", err, 1, true)
  end)
end)

describe("all", function()
  it("waits once for all", function()
    local before = rille.uptime()
    local got = rille.all { a = function() rille.sleep "30ms" return 1 end, b = function() rille.sleep "30ms" return 2 end }
    assert.same({ a = 1, b = 2 }, got)
    assert.equal(0.03, math.floor((rille.uptime() - before) * 1000 + 0.5) / 1000)
  end)

  it("raises the first error and cancels the rest", function()
    local finished = false
    local ok, err = pcall(rille.all, {
      function() errors.fail(409, "taken") end,
      function() rille.sleep "20ms" finished = true end,
    })
    assert.is_false(ok)
    assert.equal(409, err.status)
    rille.sleep "40ms"
    assert.is_false(finished)
  end)

  it("is done at once when there is nothing to do", function()
    assert.same({}, rille.all {})
  end)
end)

describe("sleep", function()
  it("names what it takes", function()
    assert.error_matches(function() rille.sleep "soon" end, 'a duration is a number of seconds or a text like "250ms"')
    assert.error_matches(function() rille.sleep(-1) end, "a duration is")
  end)

  it("wakes in the order of the deadlines", function()
    local order = {}
    rille.all {
      function() rille.sleep "20ms" order[#order + 1] = 2 end,
      function() rille.sleep "5ms" order[#order + 1] = 1 end,
      function() rille.sleep "30ms" order[#order + 1] = 3 end,
    }
    assert.same({ 1, 2, 3 }, order)
  end)
end)

describe("sleep(0)", function()
  it("lets whoever can run go first, also who is woken meanwhile, and takes no time", function()
    local seen, channel, began = {}, rille.channel(), rille.uptime()
    local function note(name) seen[#seen + 1] = name end
    rille.spawn(function() channel:recv() note "others" end)
    rille.spawn(function() channel:send(true) note "others" end)
    rille.sleep(0)
    note "caller"
    rille.spawn(note, "another")
    rille.sleep "0s"
    assert.same({ "others", "others", "caller", "another" }, seen)
    assert.equal(began, rille.uptime())
  end)

  it("raises the cancellation that comes meanwhile, and the one that was there", function()
    local seen = {}
    local task = rille.spawn(function()
      for i = 1, 2 do
        seen[i] = select(2, pcall(rille.sleep, 0))
      end
    end)
    rille.spawn(function() task:cancel() end)
    task:await()
    assert.same({ errors.CANCELLED, errors.CANCELLED }, seen)
  end)

  it("between two tasks without end keeps neither timers nor requests from going on", function()
    local app, stop = rille.app(), false
    app:get("/", function() return "served" end)
    for _ = 1, 2 do
      rille.spawn(function() while not stop do rille.sleep(0) end end)
    end
    core.test_thaw() -- frozen, it stands as long as anybody can run
    rille.sleep "2ms"
    assert.equal("served", rille.test(app):client():get("/").body)
    stop = true
  end)
end)

describe("any", function()
  it("gives the first success and cancels the rest", function()
    local finished = false
    local value, more = rille.any {
      bad = function() errors.fail(500, "no") end,
      good = function() rille.sleep "5ms" return "yes" end,
      slow = function() rille.sleep "30ms" finished = true end,
    }
    assert.same({ "yes", nil }, { value, more }) -- alone, so that it can be returned
    rille.sleep "50ms"
    assert.is_false(finished)
  end)

  it("raises when all have failed", function()
    local ok, err = pcall(rille.any, { function() errors.fail(410, "gone") end })
    assert.is_false(ok)
    assert.equal(410, err.status)
  end)
end)

describe("timeout", function()
  it("gives results in time, and raises when time is over", function()
    assert.equal(3, rille.timeout("1s", function(a, b) return a + b end, 1, 2))
    local ok, err = pcall(rille.timeout, "5ms", function() rille.sleep(10) end)
    assert.is_false(ok)
    assert.equal("timeout", err.code)
    assert.error_matches(function() rille.timeout(1) end, "timeout takes a duration and a function, and calls that: got a nil")
  end)
end)

describe("shield", function()
  it("lets what must end reach its end, and raises behind it", function()
    local saved, went_on = false, false
    local task = rille.spawn(function()
      rille.shield(function()
        rille.sleep "10ms"
        saved = true
      end)
      rille.sleep(0)
      went_on = true
    end)
    rille.sleep(0)
    task:cancel()
    pcall(task.await, task)
    assert.is_true(saved)
    assert.is_false(went_on)
  end)
end)

describe("a shield", function()
  local function cancelled(fn)
    local result
    local task = rille.spawn(function()
      result = rille.shield(fn)
      rille.sleep(0)
    end)
    rille.sleep "1ms"
    task:cancel()
    local _, err = pcall(task.await, task)
    assert.equal(errors.CANCELLED, err)
    return result
  end

  local function save() rille.sleep "10ms" return "saved" end

  it("holds for the tasks that are spawned behind it, before and after the cancellation", function()
    assert.equal("saved", cancelled(function() return rille.timeout("1s", save) end))
    assert.equal("saved", cancelled(function() save() return rille.all { save, save }[1] end))
    assert.equal("saved", cancelled(function() return rille.spawn(function() return rille.spawn(save):await() end):await() end))
  end)

  it("leaves those their own deadlines, and ends with its function", function()
    assert.equal("timeout", cancelled(function() return select(2, pcall(rille.timeout, "5ms", rille.sleep, 4)).code end))
    local reached = false
    assert.equal("soon", cancelled(function()
      rille.spawn(function() rille.sleep "1s" reached = true end)
      rille.sleep "10ms"
      return "soon"
    end))
    rille.sleep "2s"
    assert.is_false(reached)
  end)

  it("holds for them no longer than for itself", function()
    local began = rille.uptime()
    assert.is_nil(cancelled(function() return rille.all { function() rille.sleep "1h" end } end))
    assert.near(5, rille.uptime() - began, 0.1)
  end)

  it("holds behind one that was put up inside", function()
    assert.equal("saved", cancelled(function()
      rille.shield(save)
      return save()
    end))
  end)
end)

describe("defer", function()
  it("runs at the end, the last one first, also after an error", function()
    local order = {}
    local task = rille.spawn(function()
      rille.defer(function(x) order[#order + 1] = x end, "first")
      rille.defer(function(x) order[#order + 1] = x end, "second")
      errors.fail(500, "boom")
    end)
    pcall(task.await, task)
    assert.same({ "second", "first" }, order)
  end)
end)

describe("a task that goes on after its cancellation", function()
  local function stubborn()
    while true do
      pcall(rille.sleep, 10)
    end
  end

  it("is given up, and whoever awaits it is told", function()
    local task = rille.spawn(stubborn)
    rille.sleep(0)
    task:cancel()
    assert.error_matches(function() task:await() end, "given up: it was cancelled")
    assert.is_true(task:done())
  end)

  it("is given up in a coroutine of its own, too", function()
    local task = rille.spawn(function()
      for _ in coroutine.wrap(stubborn) do end
    end)
    rille.sleep(0)
    task:cancel()
    assert.error_matches(function() task:await() end, "given up: it was cancelled")
  end)

  it("is over when its very end has failed, and whoever awaits it is told", function()
    local run, waiting = cleanup.run, 0
    local function break_down()
      cleanup.run = run
      error "broken on purpose"
    end
    local task = rille.spawn(function()
      rille.defer(print)
      rille.sleep(1)
      cleanup.run = break_down
    end)
    local awaiting = rille.spawn(function()
      waiting = waiting + 1
      task:await()
    end)
    assert.error_matches(function() awaiting:await "5s" end, "broken on purpose")
    assert.same({ true, 1 }, { task:done(), waiting })
    local function broken() rille.defer(print) cleanup.run = break_down end
    assert.error_matches(function() rille.all { broken, function() rille.sleep(60) end } end, "broken on purpose")
    assert.error_matches(function() rille.spawn(coroutine.yield):await() end, "there is no coroutine here to yield to")
  end)

  it("runs nothing more of the app, what it deferred either", function()
    local ran = {}
    local task = rille.spawn(function()
      rille.defer(function() ran[1] = "deferred" end)
      stubborn()
    end)
    rille.sleep(0)
    task:cancel()
    assert.error_matches(function() task:await() end, "given up")
    assert.same({}, ran)
  end)
end)
