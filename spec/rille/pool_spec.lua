--- Worker pools: growth and shrinking, what a full queue does, and the end.
local rille = require "rille"
local clock = require "rille.test.clock"
local errors = require "rille.error"

before_each(clock.freeze)

local function settle()
  rille.sleep "1ms"
end

-- A task that runs until it is told to end.
local function gate()
  local open = rille.channel()
  return function(value)
    open:recv()
    return value
  end, function(count)
    for _ = 1, count or 1 do
      open:send(true)
    end
  end
end

local function code_of(task)
  local ok, err = pcall(task.await, task)
  assert.is_false(ok)
  return err.code
end

describe("a pool", function()
  it("runs what is submitted, and gives its results and its errors", function()
    local pool = rille.pool()
    assert.same({ 3, "and" }, { pool:submit(function(a, b) return a + b, "and" end, 1, 2):await() })
    assert.has_error(function() pool:submit(error, "failed", 0):await() end, "failed")
    settle()
    local stats = pool:stats()
    assert.equal(2, stats.done)
    assert.equal(1, stats.failed)
  end)

  it("grows when a task would have to wait, up to max, and then they wait in order", function()
    local pool, order = rille.pool { max = 2, queue = 10 }, {}
    local hold, open = gate()
    for i = 1, 5 do
      pool:submit(function()
        hold()
        order[#order + 1] = i
      end)
    end
    settle()
    local stats = pool:stats()
    assert.equal(2, stats.workers)
    assert.equal(2, stats.running)
    assert.equal(3, stats.queued)
    open(5)
    settle()
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("uses a worker that has nothing to do before it makes another", function()
    local pool = rille.pool { max = 8 }
    for _ = 1, 5 do
      pool:submit(function() end):await()
      settle()
    end
    assert.equal(1, pool:stats().workers)
  end)

  it("shrinks when its workers are idle, down to min", function()
    local pool = rille.pool { min = 1, max = 3, idle = "10s" }
    local hold, open = gate()
    for _ = 1, 3 do
      pool:submit(hold)
    end
    settle()
    open(3)
    rille.sleep "9s"
    assert.equal(3, pool:stats().workers)
    rille.sleep "2s"
    assert.equal(1, pool:stats().workers)
    rille.sleep "60s"
    assert.equal(1, pool:stats().workers)
    assert.equal("still", pool:submit(function() return "still" end):await())
  end)

  it("outlives the task that submitted", function()
    local pool, reached = rille.pool(), false
    rille.spawn(function()
      pool:submit(function()
        rille.sleep "5ms"
        reached = true
      end)
    end):await()
    rille.sleep "10ms"
    assert.is_true(reached)
  end)

  it("does not run what was cancelled before its turn, and cancels what runs", function()
    local pool, ran = rille.pool { max = 1 }, false
    local running = pool:submit(rille.sleep, 100)
    local waiting = pool:submit(function() ran = true end)
    settle()
    waiting:cancel()
    assert.is_true(waiting:done())
    assert.equal("cancelled", code_of(waiting))
    running:cancel()
    assert.equal("cancelled", code_of(running))
    assert.equal("next", pool:submit(function() return "next" end):await())
    assert.is_false(ran)
  end)

  it("says what its options are", function()
    assert.has_error(function() rille.pool { max = 0 } end, "rille.pool: max is an integer from 1 on: got 0")
    assert.has_error(function() rille.pool { maxx = 1 } end, "rille.pool: there is no option 'maxx': did you mean 'max'?")
    assert.has_error(function() rille.pool { min = 3, max = 2 } end, "rille.pool: min is 3, and max is only 2")
    assert.has_error(function() rille.pool { on_full = "fail" } end,
      "rille.pool: on_full is 'wait', 'error', 'drop_new', 'drop_oldest' or 'run_here': got 'fail'")
    assert.has_error(function() rille.pool(4) end, "rille.pool takes a table of options: got a number")
    local pool = rille.pool()
    assert.has_error(function() pool:submit() end,
      "a task is a function, not what it returns, as in rille.spawn(fn, argument): got a nil")
  end)
end)

describe("a pool whose queue is full", function()
  -- One worker that is busy, one place that is taken.
  local function full(on_full)
    local pool = rille.pool { max = 1, queue = 1, on_full = on_full }
    local hold, open = gate()
    local first, second = pool:submit(hold, "first"), pool:submit(hold, "second")
    settle()
    return pool, open, first, second
  end

  it("has who submits wait for room, as long as he may", function()
    local pool, open = full "wait"
    local submitted
    rille.spawn(function()
      pool:submit(function() end)
      submitted = true
    end)
    settle()
    assert.is_nil(submitted)
    local impatient = rille.spawn(rille.timeout, "5ms", function() pool:submit(function() end) end)
    assert.equal("timeout", code_of(impatient))
    open()
    settle()
    assert.is_true(submitted)
    open()
    settle()
    assert.equal(3, pool:stats().done)
  end)

  it("refuses with an error", function()
    local pool = full "error"
    local ok, err = pcall(pool.submit, pool, function() end)
    assert.is_false(ok)
    assert.equal("overloaded", err.code)
    assert.equal(503, err.status)
    assert.equal(1, pool:stats().refused)
  end)

  it("drops the new one, and says so to who awaits it", function()
    local pool, open, first, second = full "drop_new"
    assert.equal("overloaded", code_of(pool:submit(function() end)))
    open(2)
    assert.equal("first", first:await())
    assert.equal("second", second:await())
    assert.equal(1, pool:stats().dropped)
  end)

  it("drops the oldest one that waits", function()
    local pool, open, first, second = full "drop_oldest"
    local third = pool:submit(function() return "third" end)
    assert.equal("overloaded", code_of(second))
    open()
    assert.equal("first", first:await())
    assert.equal("third", third:await())
  end)

  it("runs it in the caller's own time", function()
    local pool = full "run_here"
    local task = pool:submit(function()
      rille.sleep "5ms"
      return "here"
    end)
    assert.is_true(task:done())
    assert.equal("here", task:await())
    assert.equal(1, pool:stats().ran_here)
  end)
end)

describe("closing a pool", function()
  it("runs what was submitted, and takes no more", function()
    local pool, done = rille.pool { max = 1 }, 0
    for _ = 1, 3 do
      pool:submit(function()
        rille.sleep "5ms"
        done = done + 1
      end)
    end
    assert.is_true(pool:close())
    assert.equal(3, done)
    assert.equal(0, pool:stats().workers)
    assert.equal("closed", select(2, pcall(pool.submit, pool, function() end)).code)
    assert.is_true(pool:close())
  end)

  it("waits no longer than it is told to, and can be asked again", function()
    local pool = rille.pool { max = 1 }
    local hold, open = gate()
    pool:submit(hold)
    assert.same({ nil, "timeout" }, { pool:close "5ms" })
    open()
    assert.is_true(pool:close())
  end)

  it("tells who waits for room", function()
    local pool = rille.pool { max = 1, queue = 0 }
    local hold, open = gate()
    pool:submit(hold)
    local waiting = rille.spawn(function() pool:submit(function() end) end)
    settle()
    rille.spawn(function() pool:close() end)
    assert.equal("closed", code_of(waiting))
    open()
    assert.is_true(pool:close())
  end)

  it("leaves a cancelled task's error to who awaits it", function()
    local pool = rille.pool { max = 1 }
    local task = pool:submit(rille.sleep, 100)
    settle()
    task:cancel()
    assert.equal(errors.CANCELLED, select(2, pcall(task.await, task)))
    assert.is_true(pool:close())
  end)
end)
