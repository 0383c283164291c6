--- Shared channels within one worker: the semantics of rille.channel, and what copying adds. What two workers do
-- with one is in spec/apps/shared_spec.lua.
local rille = require "rille"
local clock = require "rille.test.clock"
local errors = require "rille.error"
local model = require "spec.channel_model"

before_each(clock.freeze)

-- Let whoever can run do so until all wait.
local function settle()
  rille.sleep "1ms"
end

local made = 0

-- One that no other example has opened.
local function new_channel(capacity)
  made = made + 1
  return rille.shared_channel("channel " .. made, { capacity = capacity })
end

describe("a shared channel", function()
  it("without room hands over: the sender waits for its receiver", function()
    local ch, log = new_channel(), {}
    rille.spawn(function()
      ch:send "a"
      log[#log + 1] = "sent"
    end)
    settle()
    assert.same({}, log)
    assert.equal("a", ch:recv())
    settle()
    assert.same({ "sent" }, log)
  end)

  it("with room takes values in order, and makes the sender wait when it is full", function()
    local ch, sent, got = new_channel(2), 0, {}
    rille.spawn(function()
      for i = 1, 5 do
        ch:send(i)
        sent = i
      end
      ch:close()
    end)
    settle()
    assert.equal(2, sent)
    assert.equal(2, ch:len())
    for value in ch:iter() do
      got[#got + 1] = value
    end
    assert.same({ 1, 2, 3, 4, 5 }, got)
  end)

  it("serves senders and receivers in the order they came", function()
    for _, capacity in ipairs { 0, 2 } do
      local ch, got = new_channel(capacity), {}
      for i = 1, 4 do
        rille.spawn(function() got[i] = ch:recv() end)
        settle()
      end
      for i = 1, 4 do
        ch:send(i * 10)
        settle() -- whoever is served takes his value when he runs
      end
      assert.same({ 10, 20, 30, 40 }, got)
    end
  end)

  it("is the same for all who open its name", function()
    rille.shared_channel("met by name", { capacity = 1 }):send "hello"
    collectgarbage()
    assert.equal("hello", rille.shared_channel("met by name", { capacity = 1 }):recv())
  end)

  it("is forgotten when it is empty and nobody holds it, and when it was closed", function()
    made = made + 1
    local name = "forgotten " .. made
    local first = rille.shared_channel(name, { capacity = 1 })
    local ok, err = pcall(rille.shared_channel, name, { capacity = 2 })
    assert.is_false(ok)
    assert.matches(("the shared channel '%s' is open with a capacity of 1, and 2 was asked for"):format(name), err, 1, true)
    first:send "left behind"
    first:close()
    first = nil -- luacheck: ignore
    collectgarbage()
    local second = rille.shared_channel(name, { capacity = 2 })
    assert.same({ nil, "empty" }, { second:try_recv() })
  end)

  it("copies what is sent", function()
    local ch, value = new_channel(1), { list = { 1, 2.5, "three" }, [10] = true, nested = { deep = { "x" } }, [false] = "no" }
    ch:send(value)
    local got = ch:recv()
    assert.same(value, got)
    assert.are_not.equal(value, got)
    assert.are_not.equal(value.nested, got.nested)
    for _, one in ipairs { false, true, 0, -0.5, 2 ^ 53, math.huge, "", ("x"):rep(70000), "\0\255", rille.null } do
      ch:send(one)
      assert.equal(one, ch:recv())
    end
  end)

  it("keeps lists lists, and null null", function()
    local ch = new_channel(1)
    ch:send { empty = rille.array {}, plain = {}, none = rille.null }
    local got = ch:recv()
    assert.equal("[]", rille.json.encode(got.empty))
    assert.equal("{}", rille.json.encode(got.plain))
    assert.equal(rille.null, got.none)
  end)

  it("refuses what cannot be copied, by its path and type", function()
    local ch, cycle = new_channel(1), {}
    cycle.again = cycle
    for message, value in pairs {
      ["shared_channel: items[2].made: a function cannot be copied to another worker or thread"] = { items = { {}, { made = print } } },
      ["shared_channel: a thread cannot be copied to another worker or thread"] = coroutine.create(print),
      ["shared_channel: at: a key that is a table cannot be copied to another worker or thread"] = { at = { [{}] = 1 } },
      ["shared_channel: a table with a metatable (rille.channel) cannot be copied to another worker or thread: send its fields"] =
        rille.channel(),
      ["shared_channel: own: a table with a metatable cannot be copied to another worker or thread: send its fields"] =
        { own = setmetatable({}, {}) },
      ["shared_channel: the value takes more than 1 MB"] = ("x"):rep(2 ^ 20),
    } do
      for _, name in ipairs { "send", "try_send" } do
        local ok, err = pcall(function() ch[name](ch, value) end)
        assert.is_false(ok)
        assert.matches(message, err, 1, true)
        assert.matches("shared_channel_spec.lua", err, 1, true)
      end
    end
    assert.matches("more than 64 levels deep, or a cycle", select(2, pcall(ch.send, ch, cycle)), 1, true)
    assert.has_error(function() ch:send(nil) end, "a channel carries no nil: send rille.null, false or a table")
    assert.same({ nil, "empty" }, { ch:try_recv() })
  end)

  it("is full with 64 MB, whatever its capacity", function()
    local ch, big = new_channel(1000), ("x"):rep(1000 * 1000)
    local sent = 0
    while ch:try_send(big) do
      sent = sent + 1
    end
    assert.equal(68, sent)
    assert.equal(big, ch:recv())
    assert.is_true(ch:try_send(big))
    ch:close()
  end)

  it("gives what is left after it was closed, then says so", function()
    local ch = new_channel(3)
    ch:send(1)
    ch:send(2)
    ch:close()
    assert.equal(1, ch:recv())
    assert.equal(2, ch:try_recv())
    assert.same({ nil, "closed" }, { ch:recv() })
    assert.same({ nil, "closed" }, { ch:try_recv() })
    for _, name in ipairs { "send", "try_send", "close" } do
      local ok, err = pcall(ch[name], ch, 1)
      assert.is_false(ok)
      assert.equal("closed", err.code, name)
    end
  end)

  it("wakes everybody when it is closed: receivers get 'closed', senders the error", function()
    local empty, full, got = new_channel(), new_channel(), {}
    for i = 1, 3 do
      rille.spawn(function() got[i] = select(2, empty:recv()) end)
      rille.spawn(function() got[i + 3] = select(2, pcall(full.send, full, 1)).code end)
    end
    settle()
    empty:close()
    full:close()
    settle()
    assert.same({ "closed", "closed", "closed", "closed", "closed", "closed" }, got)
  end)

  it("gives up after a timeout, and then neither takes nor leaves anything", function()
    local ch = new_channel()
    assert.same({ nil, "timeout" }, { ch:recv "5ms" })
    assert.same({ nil, "timeout" }, { ch:send(1, "5ms") })
    assert.same({ nil, "full" }, { ch:try_send(1) })
    assert.same({ nil, "empty" }, { ch:try_recv() })
    rille.spawn(function() ch:send(2) end)
    assert.equal(2, ch:recv())
  end)

  it("loses nothing when a task that waits for it is cancelled", function()
    local ch = new_channel()
    local receiver = rille.spawn(function() return ch:recv() end)
    settle()
    receiver:cancel()
    assert.same({ nil, "full" }, { ch:try_send(1) }) -- it does not go to the one who was cancelled
    local sender = rille.spawn(function() ch:send(2) end)
    settle()
    sender:cancel()
    assert.same({ nil, "empty" }, { ch:try_recv() })
    assert.equal(errors.CANCELLED, select(2, pcall(receiver.await, receiver)))
  end)

  it("delivers what was sent before the cancellation", function()
    local ch, got = new_channel(), nil
    local receiver = rille.spawn(function() got = ch:recv() end)
    settle()
    ch:send "in time"
    receiver:cancel()
    settle()
    assert.equal("in time", got)
  end)

  it("lets others run although it is never empty and never full", function()
    local ch, has_run = new_channel(1000), false
    rille.spawn(function() has_run = true end)
    for i = 1, 2000 do
      ch:send(i)
      ch:recv()
      if has_run then
        return
      end
    end
    error "nobody else got a turn"
  end)

  it("ends a task that is cancelled although it need never wait", function()
    local ch, count, begun = new_channel(1000), 0, rille.channel()
    local task = rille.spawn(function()
      begun:send(true)
      while true do
        ch:send(1)
        ch:recv()
        count = count + 1
      end
    end)
    begun:recv()
    while count == 0 do
      ch:send(1)
      ch:recv()
    end
    task:cancel()
    assert.equal(errors.CANCELLED, select(2, pcall(task.await, task)))
  end)

  it("works from a generator, too", function()
    local ch, sum = new_channel(), 0
    rille.spawn(function()
      for i = 1, 3 do
        ch:send(i)
      end
      ch:close()
    end)
    for value in coroutine.wrap(function()
      for v in ch:iter() do
        coroutine.yield(v)
      end
    end) do
      sum = sum + value
    end
    assert.equal(6, sum)
  end)

  it("says what it takes, and how its methods are called", function()
    assert.has_error(function() rille.shared_channel("x", { capacity = -1 }) end,
      "rille.shared_channel: capacity is an integer from 0 to 16777216: got -1")
    assert.has_error(function() rille.shared_channel("x", { capcity = 1 }) end,
      "rille.shared_channel: there is no option 'capcity': did you mean 'capacity'?")
    assert.has_error(function() rille.shared_channel("") end, "a shared channel's name is a text of 1 to 255 bytes: got 0 bytes")
    local ch = new_channel()
    assert.has_error(function() ch.recv() end, "channel.recv is called with a colon: channel:recv(…)")
    assert.has_error(function() ch.len() end, "channel.len is called with a colon: channel:len(…)")
  end)
end)

describe("select", function()
  it("waits for shared channels, subscriptions and the worker's own at once", function()
    local own, shared, heard = rille.channel(), new_channel(), rille.topic("select"):subscribe()
    local cases = { own, shared, heard }
    for _, act in ipairs {
      function() own:send "own" end, function() shared:send "shared" end, function() rille.topic("select"):publish "heard" end,
    } do
      rille.spawn(function()
        rille.sleep "1ms"
        act()
      end)
    end
    local got = {}
    for _ = 1, 3 do
      local index, value = rille.select(cases)
      got[index] = value
    end
    assert.same({ "own", "shared", "heard" }, got)
    assert.same({ nil, "default" }, { rille.select { own, shared, heard, default = true } })
    assert.same({ nil, "timeout" }, { rille.select { own, shared, heard, timeout = "5ms" } })
    heard:close()
    assert.same({ 3, nil, "closed" }, { rille.select(cases) })
  end)

  it("sends to whoever receives, on either kind", function()
    local own, shared, got = rille.channel(), new_channel(), {}
    rille.spawn(function()
      rille.sleep "1ms"
      got[1] = shared:recv()
      got[2] = own:recv()
    end)
    assert.same({ 2 }, { rille.select { { own, 1 }, { shared, 2 } } })
    assert.same({ 1 }, { rille.select { { own, 1 }, { shared, 2 } } })
    settle()
    assert.same({ 2, 1 }, got)
  end)

  it("does one case only, whatever else gets ready", function()
    local own, shared, chosen = rille.channel(1), new_channel(1), nil
    local task = rille.spawn(function() chosen = rille.select { own, shared } end)
    settle()
    own:send(1)
    shared:send(2)
    task:await()
    assert.equal(1, chosen)
    assert.equal(0, own:len())
    assert.equal(1, shared:len())
    task = rille.spawn(function() rille.select { own, (new_channel()) } end)
    settle()
    task:cancel()
    pcall(task.await, task)
    own:send(3)
    assert.equal(3, own:recv())
  end)

  it("treats all that are ready alike", function()
    local channels, counts = { rille.channel(900), new_channel(900), new_channel(900) }, { 0, 0, 0 }
    for _, ch in ipairs(channels) do
      for _ = 1, 900 do
        ch:send(1)
      end
    end
    for _ = 1, 900 do
      local index = rille.select(channels)
      counts[index] = counts[index] + 1
    end
    for i = 1, 3 do
      assert.is_true(counts[i] > 200 and counts[i] < 400, "channel " .. i .. " was chosen " .. counts[i] .. " times of 900")
    end
  end)

  it("raises for a send on what is closed, before and while it waits", function()
    local ch, full = new_channel(), new_channel()
    ch:close()
    assert.equal("closed", select(2, pcall(rille.select, { { ch, 1 } })).code)
    local task = rille.spawn(function() return select(2, pcall(rille.select, { { full, 1 } })).code end)
    settle()
    full:close()
    assert.equal("closed", task:await())
  end)

  it("says which case it does not understand, and how many shared ones there are at most", function()
    assert.has_error(function() rille.select { new_channel(), {} } end,
      "select: case 2 is neither a channel, to receive from it, nor { channel, value }, to send there")
    local cases = {}
    for i = 1, 25 do
      cases[i] = new_channel()
    end
    assert.has_error(function() rille.select(cases) end, "select: 25 shared channels and subscriptions, of at most 24")
    local ok, err = pcall(rille.select, { { new_channel(), print } })
    assert.is_false(ok)
    assert.matches("select: a function cannot be copied to another worker or thread", err, 1, true)
  end)
end)

describe("a history of random operations", function()
  for _, capacity in ipairs { 0, 1, 4 } do
    it("is one that the model allows, with room for " .. capacity .. " in shared channels", function()
      for seed in model.seeds(20) do
        local ok, err = pcall(model.run, seed, function() return new_channel(capacity) end)
        assert(ok, "seed " .. seed .. ": " .. tostring(err))
      end
    end)

    it("is one that the model allows, with room for " .. capacity .. " in channels of both kinds", function()
      for seed in model.seeds(20) do
        local ok, err = pcall(model.run, seed, function(i)
          return i % 2 == 0 and rille.channel(capacity) or new_channel(capacity)
        end)
        assert(ok, "seed " .. seed .. ": " .. tostring(err))
      end
    end)
  end
end)
