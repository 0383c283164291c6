--- What a parked task waits for, and where.
local core = require "rille.core"
local rille = require "rille"
local waiting = require "rille.waiting"

-- Where a task that runs `fn` waits, and in which call.
local function of(fn)
  local here
  local task = rille.spawn(function()
    here = core.here()
    fn()
    return true
  end)
  rille.sleep "1ms"
  for _, one in ipairs((core.tasks())) do
    if one.here == here then
      local at, call = waiting.of(one.co)
      task:cancel()
      return call, at
    end
  end
end

describe("what a task waits for", function()
  it("is named as the app calls it, with the app's line", function()
    local line = debug.getinfo(1, "l").currentline
    local call, at = of(function() rille.channel():recv() end)
    assert.same({ "channel:recv", ("spec/rille/waiting_spec.lua:%d"):format(line + 1) }, { call, at })
  end)

  it("is said of each call that waits", function()
    local locked, full, task = rille.mutex(), rille.semaphore(1), rille.spawn(function() rille.sleep(9) end)
    local lock, group, busy = rille.rwlock(), rille.wait_group(), rille.resources { max = 1, create = function() return {} end }
    locked:lock()
    full:acquire()
    lock:lock()
    group:add()
    busy:acquire()
    local pool = rille.pool {}
    pool:submit(function() rille.sleep(9) end)
    for name, fn in pairs {
      ["rille.sleep"] = function() rille.sleep(9) end,
      ["channel:send"] = function() rille.channel():send(1) end,
      ["rille.select"] = function() rille.select { rille.channel(), rille.channel() } end,
      ["mutex:lock"] = function() locked:lock() end,
      ["mutex:with"] = function() locked:with(function() end) end,
      ["semaphore:acquire"] = function() full:acquire() end,
      ["rwlock:read_lock"] = function() lock:read_lock() end,
      ["rwlock:lock"] = function() lock:lock() end,
      ["wait_group:wait"] = function() group:wait() end,
      ["condition:wait"] = function() rille.condition():wait() end,
      ["task:await"] = function() task:await() end,
      ["rille.all"] = function() rille.all { function() rille.sleep(9) end } end,
      ["rille.any"] = function() rille.any { function() rille.sleep(9) end } end,
      ["rille.timeout"] = function() rille.timeout(9, function() rille.sleep(9) end) end,
      ["rille.once_for"] = function() rille.once_for("waiting", function() rille.sleep(9) end) end,
      ["resources:acquire"] = function() busy:acquire() end,
      ["pool:close"] = function() pool:close() end,
      ["shared_channel:recv"] = function() rille.shared_channel("waiting", { capacity = 1 }):recv() end,
      ["rille.select "] = function() rille.select { rille.channel(), rille.topic("waiting"):subscribe() } end,
      ["subscription:recv"] = function() rille.topic("waiting"):subscribe():recv() end,
    } do
      assert.equal((name:gsub(" ", "")), (of(fn)))
    end
  end)

  it("is all that can be said where a tail call has hidden the rest", function()
    local channel, locked = rille.channel(), rille.mutex()
    locked:lock()
    assert.same({ "channel:recv", false }, { (of(function() return channel:recv() end)), false })
    assert.equal("mutex", (of(function() return locked:lock() end)))
  end)

  it("is found through a coroutine of the app's own", function()
    local line = debug.getinfo(1, "l").currentline
    local call, at = of(function() coroutine.wrap(function() rille.sleep(9) end)() end)
    assert.equal(("spec/rille/waiting_spec.lua:%d"):format(line + 1), at)
    assert.is_nil(call)
  end)
end)
