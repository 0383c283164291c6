--- Topics within one worker. What crosses between two is in spec/apps/shared_spec.lua.
local rille = require "rille"
local clock = require "rille.test.clock"

before_each(clock.freeze)

local made = 0

local function new_topic()
  made = made + 1
  return rille.topic("topic " .. made)
end

local function all_of(subscription)
  local got = {}
  local value = subscription:try_recv()
  while value ~= nil do
    got[#got + 1] = value
    value = subscription:try_recv()
  end
  return got
end

describe("a topic", function()
  it("gives each subscriber all that is published, in order", function()
    local topic = new_topic()
    local a, b = topic:subscribe(), topic:subscribe()
    assert.equal(2, topic:publish { n = 1 })
    assert.equal(2, topic:publish(false))
    assert.same({ n = 1 }, a:recv())
    assert.is_false(a:recv())
    assert.same({ { n = 1 }, false }, all_of(b))
  end)

  it("is its name", function()
    local heard = rille.topic("by name"):subscribe()
    rille.topic("by name"):publish "hello"
    assert.equal("hello", heard:recv())
  end)

  it("looks at nothing when nobody listens", function()
    assert.equal(0, new_topic():publish(print))
    local topic = new_topic()
    topic:subscribe():close()
    assert.equal(0, topic:publish(1))
  end)

  it("drops the oldest, the newest, or the subscriber, when one is slow", function()
    local topic = new_topic()
    local oldest = topic:subscribe { buffer = 2 }
    local newest = topic:subscribe { buffer = 2, on_full = "drop_newest" }
    local quick = topic:subscribe { buffer = 2, on_full = "disconnect" }
    local slow = topic:subscribe { buffer = 2, on_full = "disconnect" }
    for i = 1, 4 do
      topic:publish(i)
      assert.equal(i, quick:recv())
    end
    assert.same({ 3, 4 }, all_of(oldest))
    assert.same({ 1, 2 }, all_of(newest))
    assert.same({ 1, 2 }, all_of(slow))
    assert.same({ nil, "closed" }, { slow:recv() })
    assert.same({ 2, 2, 1, 0 }, { oldest:dropped(), newest:dropped(), slow:dropped(), quick:dropped() })
    assert.equal(3, topic:publish(5))
  end)

  it("wakes who waits, and tells of the close", function()
    local topic, got = new_topic(), {}
    local heard = topic:subscribe()
    local task = rille.spawn(function()
      for value in heard:iter() do
        got[#got + 1] = value
      end
    end)
    topic:publish(1)
    topic:publish(2)
    heard:close()
    task:await()
    assert.same({ 1, 2 }, got)
    assert.same({ nil, "closed" }, { heard:recv() })
    heard:close()
  end)

  it("waits no longer than it is told", function()
    local heard = new_topic():subscribe()
    assert.same({ nil, "timeout" }, { heard:recv "5ms" })
    assert.same({ nil, "empty" }, { heard:try_recv() })
  end)

  it("is heard until the task that subscribed ends", function()
    local topic, kept = new_topic(), nil
    rille.spawn(function()
      kept = topic:subscribe()
      topic:publish "in time"
    end):await()
    rille.sleep "1ms"
    assert.equal(0, topic:publish "too late")
    assert.equal("in time", kept:recv())
    assert.same({ nil, "closed" }, { kept:recv() })
  end)

  it("lets go of a subscription that nobody can reach", function()
    local topic = new_topic()
    topic:subscribe()
    collectgarbage()
    assert.equal(0, topic:publish(1))
  end)

  it("says what it takes, and how its methods are called", function()
    local topic = new_topic()
    local heard = topic:subscribe()
    assert.has_error(function() topic:subscribe { on_full = "wait" } end,
      "topic:subscribe: on_full is 'drop_oldest', 'drop_newest' or 'disconnect': got 'wait'")
    assert.has_error(function() topic:subscribe { buffer = 0 } end,
      "topic:subscribe: buffer is an integer from 1 to 65536: got 0")
    assert.has_error(function() topic:subscribe { bufer = 1 } end,
      "topic:subscribe: there is no option 'bufer': did you mean 'buffer'?")
    assert.has_error(function() rille.topic(("x"):rep(256)) end, "a topic's name is a text of 1 to 255 bytes: got 256 bytes")
    assert.has_error(function() topic:publish(print) end, "topic: a function cannot be copied to another worker or thread")
    assert.has_error(function() topic:publish(nil) end, "a topic carries no nil: publish rille.null, false or a table")
    assert.has_error(function() topic.publish(1) end, "topic.publish is called with a colon: topic:publish(…)")
    assert.has_error(function() heard.recv() end, "subscription.recv is called with a colon: subscription:recv(…)")
  end)
end)
