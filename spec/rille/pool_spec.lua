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
        order[#order + 1] = i
        hold()
      end)
    end
    settle()
    local stats = pool:stats()
    assert.equal(2, stats.workers)
    assert.equal(2, stats.running)
    assert.equal(3, stats.queued)
    table.sort(order) -- the first two began at the same time
    for _ = 1, 5 do
      open(1)
      settle()
    end
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

describe("a pool that is pulled", function()
  local function double(n)
    rille.sleep "10ms"
    return 2 * n
  end

  it("runs nothing until somebody asks, and then so many, in their order", function()
    local pool, began = rille.pool { pull = true, max = 1 }, {}
    for i = 1, 5 do
      pool:submit(function() began[#began + 1] = i end)
    end
    rille.sleep "1h"
    assert.same({}, began)
    local taken = 0
    for task in pool:request(3) do
      assert.is_true(task:done())
      taken = taken + 1
    end
    assert.equal(3, taken)
    assert.same({ 1, 2, 3 }, began)
    assert.same({ 2, 0, 3 }, { pool:stats().queued, pool:stats().workers, pool:stats().done })
  end)

  it("gives results and errors to who takes and to who submitted", function()
    local pool, sum, errors_seen = rille.pool { pull = true, max = 4 }, 0, 0
    local first = pool:submit(double, 1)
    pool:submit(error, "no", 0)
    pool:submit(double, 2)
    for task in pool:request(3) do
      local ok, value = pcall(task.await, task)
      if ok then sum = sum + value else errors_seen = errors_seen + 1 end
    end
    assert.same({ 6, 1, 2 }, { sum, errors_seen, first:await() })
  end)

  it("runs max at a time, and gives those that end first", function()
    local pool = rille.pool { pull = true, max = 2 }
    local order, most = {}, 0
    for _, ms in ipairs { 30, 10, 5 } do
      pool:submit(function()
        most = math.max(most, pool:stats().running)
        rille.sleep(ms / 1000)
        return ms
      end)
    end
    for task in pool:request(3) do
      order[#order + 1] = task:await()
    end
    assert.same({ 10, 5, 30 }, order)
    assert.equal(2, most)
  end)

  it("waits for what is submitted later, and slows down who submits", function()
    local pool, submitted = rille.pool { pull = true, queue = 2, max = 1 }, 0
    rille.spawn(function()
      for i = 1, 6 do
        pool:submit(double, i)
        submitted = i
      end
    end)
    settle()
    assert.equal(2, submitted)
    local got = {}
    for task in pool:request(4) do
      got[#got + 1] = task:await()
    end
    assert.same({ 2, 4, 6, 8 }, got)
    settle()
    assert.equal(6, submitted)
  end)

  it("serves who waits longest first", function()
    local pool, got = rille.pool { pull = true }, {}
    for i = 1, 2 do
      rille.spawn(function()
        for task in pool:request(1) do
          got[i] = task:await()
        end
      end)
      settle()
    end
    pool:submit(function() return "first" end)
    pool:submit(function() return "second" end)
    settle()
    assert.same({ "first", "second" }, got)
  end)

  it("leaves what is not taken to the next, and what was cancelled out", function()
    local pool = rille.pool { pull = true, max = 1 }
    pool:submit(double, 1)
    pool:submit(double, 2):cancel()
    pool:submit(double, 3)
    local next_task, order = pool:request(2)
    assert.equal(2, next_task(order):await()) -- and goes
    for task in pool:request(1) do
      assert.equal(6, task:await())
    end
  end)

  it("ends what it runs with who asked for it", function()
    local pool = rille.pool { pull = true }
    local task = pool:submit(rille.sleep, 100)
    local consumer = rille.spawn(function()
      for _ in pool:request(1) do end
    end)
    settle()
    assert.equal(1, pool:stats().running)
    consumer:cancel()
    assert.equal("cancelled", code_of(task))
    settle()
    assert.equal(0, pool:stats().running)
  end)

  it("is closed when all has been taken, and ends who asks", function()
    local pool, count = rille.pool { pull = true }, 0
    pool:submit(double, 1)
    pool:submit(double, 2)
    assert.same({ nil, "timeout" }, { pool:close "1s" })
    rille.spawn(function()
      for _ in pool:request(10) do
        count = count + 1
      end
    end)
    assert.is_true(pool:close())
    settle()
    assert.equal(2, count)
    for _ in pool:request(1) do
      error "there is nothing left"
    end
  end)

  it("tells who takes it for another kind", function()
    assert.has_error(function() rille.pool():request(1) end, "pool:request(n) is for a pool that is pulled: rille.pool { pull = true, … }")
    local pool = rille.pool { pull = true }
    assert.has_error(function() pool:request(0) end, "pool:request(n) takes how many tasks are wanted, an integer from 1 on: got 0")
    assert.has_error(function() rille.pool { pull = true, min = 1 } end,
      "rille.pool: one that is pulled has no workers of its own: leave min and idle out")
  end)
end)

describe("a pool at a stop", function()
  it("keeps the server no longer than it has work, and still takes some", function()
    local lifecycle = require "rille.lifecycle"
    local pool = rille.pool { min = 2, idle = "10m" }
    local hold, open = gate()
    pool:submit(hold)
    pool:submit(function() end)
    settle()
    lifecycle "stop"
    settle()
    assert.equal(1, pool:stats().workers)
    assert.equal("late", pool:submit(function() return "late" end):await())
    open()
    settle()
    assert.equal(0, pool:stats().workers)
  end)
end)
