--- Locks and their kin: what they promise to the tasks that share something.
local rille = require "rille"
local clock = require "rille.test.clock"

before_each(clock.freeze)

local function settle()
  rille.sleep "1ms"
end

describe("a mutex", function()
  it("is held by one task at a time, in the order they asked", function()
    local lock, asked, log = rille.mutex(), 0, {}
    local all = {}
    for i = 1, 3 do
      all[i] = function()
        asked = asked + 1
        local turn = asked
        lock:lock()
        log[#log + 1] = "in " .. turn
        rille.sleep "5ms"
        log[#log + 1] = "out " .. turn
        lock:unlock()
      end
    end
    rille.all(all)
    assert.same({ "in 1", "out 1", "in 2", "out 2", "in 3", "out 3" }, log)
  end)

  it("goes to who waits, not to who comes in the meantime", function()
    local lock, owner = rille.mutex(), nil
    lock:lock()
    rille.spawn(function()
      lock:lock()
      owner = "who waited"
    end)
    settle()
    lock:unlock()
    assert.is_false(lock:try_lock())
    settle()
    assert.equal("who waited", owner)
  end)

  it("is unlocked however the function given to with ends", function()
    local lock = rille.mutex()
    assert.equal("result", lock:with(function(a) return a end, "result"))
    assert.has_error(function() lock:with(function() error("failed", 0) end) end, "failed")
    local task = rille.spawn(function() lock:with(rille.sleep, 100) end)
    settle()
    assert.is_false(lock:try_lock())
    task:cancel()
    settle()
    assert.is_true(lock:try_lock())
  end)

  it("gives up after a timeout or a cancellation, and is not lost by that", function()
    local lock = rille.mutex()
    lock:lock()
    assert.same({ nil, "timeout" }, { lock:lock "5ms" })
    local waiting = rille.spawn(function() lock:lock() end)
    settle()
    waiting:cancel()
    settle()
    lock:unlock()
    assert.is_true(lock:try_lock())
    lock:unlock()
    assert.has_error(function() lock:unlock() end, "mutex:unlock(): it is not locked")
    assert.has_error(function() lock.unlock() end, "mutex.unlock is called with a colon: mutex:unlock(…)")
  end)
end)

describe("a semaphore", function()
  it("lets as many in as it has permits", function()
    local permits, inside, most = rille.semaphore(2), 0, 0
    local all = {}
    for i = 1, 6 do
      all[i] = function()
        permits:with(function()
          inside = inside + 1
          most = math.max(most, inside)
          rille.sleep "5ms"
          inside = inside - 1
        end)
      end
    end
    rille.all(all)
    assert.equal(2, most)
    assert.has_error(function() permits:release() end, "semaphore:release(): none of its permits is taken")
  end)

  it("tries, times out, and says what it takes", function()
    local permits = rille.semaphore(1)
    assert.is_true(permits:try_acquire())
    assert.is_false(permits:try_acquire())
    assert.same({ nil, "timeout" }, { permits:acquire "5ms" })
    assert.has_error(function() rille.semaphore(0) end,
      "a semaphore has a number of permits, an integer from 1 on: got 0")
  end)
end)

describe("a read-write lock", function()
  it("is shared by readers, and a writer's alone", function()
    local lock, log = rille.rwlock(), {}
    local function reader()
      lock:read_with(function()
        log[#log + 1] = "in"
        rille.sleep "5ms"
        log[#log + 1] = "out"
      end)
    end
    rille.all { reader, reader }
    assert.same({ "in", "in", "out", "out" }, log)
    log = {}
    lock:lock()
    local read = rille.spawn(reader)
    settle()
    assert.same({}, log)
    lock:unlock()
    read:await()
    assert.same({ "in", "out" }, log)
  end)

  it("lets no new reader pass a writer who waits", function()
    local lock, log = rille.rwlock(), {}
    lock:read_lock()
    rille.spawn(function()
      lock:with(function() log[#log + 1] = "writer" end)
    end)
    settle()
    rille.spawn(function()
      lock:read_with(function() log[#log + 1] = "reader" end)
    end)
    settle()
    assert.same({}, log)
    lock:read_unlock()
    settle()
    assert.same({ "writer", "reader" }, log)
  end)

  it("lets the readers behind a writer in when that one gives up", function()
    local lock, got_in = rille.rwlock(), false
    lock:read_lock()
    local writer = rille.spawn(function() return lock:lock "10ms" end)
    settle()
    rille.spawn(function() got_in = lock:read_lock() end)
    settle()
    assert.is_false(got_in)
    assert.same({ nil, "timeout" }, { writer:await() })
    settle()
    assert.is_true(got_in)
    assert.has_error(function() lock:unlock() end, "rwlock:unlock(): nobody writes")
  end)
end)

describe("a wait group", function()
  it("wakes who waits when the last one is done", function()
    local group, done = rille.wait_group(), 0
    for _ = 1, 3 do
      group:add()
      rille.spawn(function()
        rille.sleep "5ms"
        done = done + 1
        group:done()
      end)
    end
    assert.same({ nil, "timeout" }, { group:wait "1ms" })
    assert.is_true(group:wait())
    assert.equal(3, done)
    assert.is_true(group:wait())
    for _, less in ipairs { function() group:done() end, function() group:add(-1) end } do
      local _, why = pcall(less)
      assert.matches("^spec/rille/sync_spec.lua:%d+: wait_group: more are done than were added$", why)
    end
    for _, wrong in ipairs { "3", 1.5, 0 / 0, {} } do
      assert.error_matches(function() group:add(wrong) end, "wait_group:add takes how many more are under way, an integer: got ", 1, true)
    end
    assert.is_true(group:wait())
  end)
end)

describe("a condition", function()
  it("wakes one, or all", function()
    local changed, woken = rille.condition(), 0
    for _ = 1, 3 do
      rille.spawn(function()
        changed:wait()
        woken = woken + 1
      end)
    end
    settle()
    assert.is_true(changed:signal())
    settle()
    assert.equal(1, woken)
    changed:broadcast()
    settle()
    assert.equal(3, woken)
    assert.is_false(changed:signal())
    assert.same({ nil, "timeout" }, { changed:wait "1ms" })
  end)
end)
