--- What a VM says of itself. What all those of a server say is in spec/apps/status_spec.lua.
local core = require "rille.core"
local gauge = require "rille.gauge"
local rille = require "rille"
local timeline = require "rille.timeline"

describe("a gauge", function()
  local t = rille.test(rille.app())

  it("is for servers: nothing is told where nobody can hear it", function()
    gauge.begin()
    gauge.retire()
    gauge.stop()
    assert.is_false(core.gauge_put "text")
    assert.same({}, timeline.vms())
    assert.same({}, timeline.log())
    assert.is_nil(timeline.process())
  end)

  it("tells of the VM", function()
    local now = core.gauge_vm()
    assert.same({ 0, 0 }, { now.worker, now.generation })
    assert.is_true(now.memory > 100000)
  end)

  it("tells how much memory was asked for, and how often it was collected", function()
    local before, count, stop = core.gauge_vm().taken, gauge.collections()
    local text = ("x"):rep(2 ^ 20)
    assert.is_true(core.gauge_vm().taken - before >= #text)
    for _ = 1, 3 do collectgarbage() end
    assert.is_true(count() >= 2)
    stop()
    collectgarbage() -- what was being watched
    local last = count()
    for _ = 1, 3 do collectgarbage() end
    assert.equal(last, count())
  end)

  it("takes back what it has told when it ends, and be it at the very moment when it would tell again", function()
    core.journal_keep()
    t.clock.freeze()
    local told
    local put = stub(core, "gauge_put", function(text) told = text return true end)
    finally(function() put:revert() end)
    for _ = 1, 8 do -- whoever of the two is first
      gauge.begin()
      rille.sleep "300ms"
      assert.matches('"worker":0', told, 1, true)
      rille.spawn(function() rille.sleep "200ms" gauge.stop() end):await()
      rille.sleep "1ms"
      assert.is_nil(told)
    end
  end)

  it("tells of tasks that wait, the longest first, and bounds what it tells", function()
    core.journal_keep()
    t.clock.freeze()
    local channel = rille.channel()
    local reader = rille.spawn(function() rille.sleep "1s" channel:recv() end)
    local sleeper = rille.spawn(function() rille.sleep "1h" end)
    rille.sleep "2s"
    local list, count = core.gauge_parked()
    local by_what = {}
    for i, task in ipairs(list) do
      by_what[task.what] = task
      assert.is_true(i == 1 or list[i - 1].waited >= task.waited)
    end
    assert.equal(#list, count)
    assert.same({ 2, 1 }, { math.floor(by_what.sleep.waited + 0.5), math.floor(by_what.channel.waited + 0.5) })
    assert.matches("gauge_spec.lua:%d+$", by_what.channel.at)
    assert.matches("in function 'recv'", by_what.channel.stack)
    reader:cancel()
    sleeper:cancel()
    local tasks = {}
    for i = 1, 150 do tasks[i] = rille.spawn(function() rille.sleep "1h" end) end
    rille.sleep "1s"
    list, count = core.gauge_parked()
    assert.equal(100, #list)
    assert.is_true(count >= 150)
    for _, task in ipairs(tasks) do task:cancel() end
  end)
end)
