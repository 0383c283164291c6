--- Channels: Go's semantics, case by case, and then against a model of them.
local rille = require "rille"
local clock = require "rille.test.clock"
local errors = require "rille.error"
local model = require "spec.channel_model"

before_each(clock.freeze)

-- Let whoever can run do so until all wait.
local function settle()
  rille.sleep "1ms"
end

local function collected(channel)
  local got = {}
  return got, rille.spawn(function()
    for value in channel:iter() do
      got[#got + 1] = value
    end
    got.is_over = true
  end)
end

describe("a channel", function()
  it("without room hands over: the sender waits for its receiver", function()
    local ch, log = rille.channel(), {}
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
    local ch, sent = rille.channel(2), 0
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
    local got, task = collected(ch)
    task:await()
    assert.same({ 1, 2, 3, 4, 5, is_over = true }, got)
  end)

  it("serves senders and receivers in the order they came", function()
    local ch, came, got = rille.channel(), 0, {}
    for _ = 1, 4 do
      rille.spawn(function()
        came = came + 1
        local turn = came
        got[turn] = ch:recv()
      end)
    end
    settle()
    for i = 1, 4 do
      ch:send(i * 10)
    end
    settle()
    assert.same({ 10, 20, 30, 40 }, got)
  end)

  it("carries false, and any value by reference, but no nil", function()
    local ch, one = rille.channel(2), {}
    ch:send(false)
    ch:send(one)
    assert.is_false(ch:recv())
    assert.equal(one, ch:recv())
    assert.has_error(function() ch:send(nil) end, "a channel carries no nil: send rille.null, false or a table")
  end)

  it("gives what is left after it was closed, then says so", function()
    local ch = rille.channel(3)
    ch:send(1)
    ch:send(2)
    ch:close()
    assert.equal(1, ch:recv())
    assert.equal(2, ch:try_recv())
    assert.same({ nil, "closed" }, { ch:recv() })
    assert.same({ nil, "closed" }, { ch:try_recv() })
  end)

  it("raises when somebody sends on it or closes it after it was closed", function()
    local ch = rille.channel(3)
    ch:close()
    for _, name in ipairs { "send", "try_send", "close" } do
      local ok, err = pcall(ch[name], ch, 1)
      assert.is_false(ok)
      assert.equal("closed", err.code, name)
    end
  end)

  it("wakes everybody when it is closed: receivers get 'closed', senders the error", function()
    local empty, full, got = rille.channel(), rille.channel(), {}
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
    local ch = rille.channel()
    assert.same({ nil, "timeout" }, { ch:recv "5ms" })
    assert.same({ nil, "timeout" }, { ch:send(1, "5ms") })
    assert.same({ nil, "full" }, { ch:try_send(1) })
    assert.same({ nil, "empty" }, { ch:try_recv() })
    rille.spawn(function() ch:send(2) end)
    assert.equal(2, ch:recv())
  end)

  it("loses nothing when a task that waits for it is cancelled", function()
    local ch = rille.channel()
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
    local ch, got = rille.channel(), nil
    local receiver = rille.spawn(function() got = ch:recv() end)
    settle()
    ch:send "in time"
    receiver:cancel()
    settle()
    assert.equal("in time", got)
  end)

  it("works from a generator, too", function()
    local ch = rille.channel()
    rille.spawn(function()
      for i = 1, 3 do
        ch:send(i)
      end
      ch:close()
    end)
    local sum = 0
    for value in coroutine.wrap(function()
      for v in ch:iter() do
        coroutine.yield(v)
      end
    end) do
      sum = sum + value
    end
    assert.equal(6, sum)
  end)

  it("is not woken for a generator that was left in the middle of a wait", function()
    local ch = rille.channel()
    local task = rille.spawn(function()
      local co = rille.spawn(function() ch:recv() end)
      rille.sleep "1ms"
      co:cancel()
    end)
    task:await()
    rille.spawn(function() ch:send "for the living" end)
    assert.equal("for the living", ch:recv "10ms")
  end)

  it("says what it takes, and how its methods are called", function()
    assert.has_error(function() rille.channel(-1) end, "a channel's capacity is an integer from 0 to 16777216: got -1")
    assert.has_error(function() rille.channel("4") end, "a channel's capacity is an integer from 0 to 16777216: got 4")
    local ch = rille.channel()
    assert.has_error(function() ch.recv() end, "channel.recv is called with a colon: channel:recv(…)")
  end)

  it("cannot wait where nothing can", function()
    local ok, err = pcall(table.sort, { 2, 1 }, function()
      local value = rille.channel():recv()
      return value
    end)
    assert.is_false(ok)
    assert.matches("'recv' waits, and nothing can wait inside table.sort", tostring(err), 1, true)
  end)

  it("gives nothing to a wait that was refused", function()
    local ch = rille.channel()
    pcall(table.sort, { 2, 1 }, function()
      local value = ch:recv()
      return value
    end)
    local other, got = rille.channel(), nil
    local task = rille.spawn(function() got = other:recv() end)
    settle()
    assert.same({ nil, "full" }, { ch:try_send "for nobody" })
    other:send "for the task"
    task:await()
    assert.equal("for the task", got)
  end)
end)

describe("select", function()
  it("receives from the first that can", function()
    local a, b = rille.channel(), rille.channel()
    rille.spawn(function()
      rille.sleep "5ms"
      b:send "from b"
    end)
    assert.same({ 2, "from b" }, { rille.select { a, b } })
  end)

  it("sends to whoever receives", function()
    local a, b, got = rille.channel(), rille.channel(), nil
    rille.spawn(function()
      rille.sleep "5ms"
      got = b:recv()
    end)
    assert.same({ 2 }, { rille.select { { a, 1 }, { b, 2 } } })
    settle()
    assert.equal(2, got)
  end)

  it("does one case only, whatever else gets ready", function()
    local a, b = rille.channel(1), rille.channel(1)
    local chosen
    local task = rille.spawn(function() chosen = rille.select { a, b } end)
    settle()
    a:send(1)
    b:send(2)
    task:await()
    assert.equal(1, chosen)
    assert.equal(0, a:len())
    assert.equal(1, b:len())
  end)

  it("has a timeout, and a default", function()
    local ch = rille.channel()
    assert.same({ nil, "timeout" }, { rille.select { ch, timeout = "5ms" } })
    assert.same({ nil, "default" }, { rille.select { ch, { ch, 1 }, default = true } })
    assert.same({ nil, "timeout" }, { rille.select { timeout = "5ms" } })
  end)

  it("tells a closed channel from a value, and raises for a send there", function()
    local ch = rille.channel()
    ch:close()
    assert.same({ 1, nil, "closed" }, { rille.select { ch } })
    assert.equal("closed", select(2, pcall(rille.select, { { ch, 1 } })).code)
    local quiet, full = rille.channel(), rille.channel()
    local receives = rille.spawn(function() return rille.select { quiet } end)
    local sends = rille.spawn(function() return select(2, pcall(rille.select, { { full, 1 } })).code end)
    settle()
    quiet:close()
    full:close()
    assert.same({ 1, nil, "closed" }, { receives:await() })
    assert.equal("closed", sends:await())
  end)

  it("treats all that are ready alike", function()
    local channels, counts = {}, { 0, 0, 0 }
    for i = 1, 3 do
      channels[i] = rille.channel(3000)
      for _ = 1, 3000 do
        channels[i]:send(i)
      end
    end
    for _ = 1, 3000 do
      local index = rille.select(channels)
      counts[index] = counts[index] + 1
    end
    for i = 1, 3 do
      assert.is_true(counts[i] > 800 and counts[i] < 1200, "channel " .. i .. " was chosen " .. counts[i] .. " times of 3000")
    end
  end)

  it("leaves every line when it is cancelled", function()
    local a, b = rille.channel(), rille.channel()
    local task = rille.spawn(function() rille.select { a, { b, 1 } } end)
    settle()
    task:cancel()
    settle()
    assert.same({ nil, "full" }, { a:try_send(1) })
    assert.same({ nil, "empty" }, { b:try_recv() })
  end)

  it("says which case it does not understand", function()
    assert.has_error(function() rille.select { rille.channel(), {} } end,
      "select: case 2 is neither a channel, to receive from it, nor { channel, value }, to send there")
    local a, b = rille.channel(), rille.channel()
    assert.error_matches(function() rille.select { a, nil, b } end, "select: case 2 is n")
    assert.error_matches(function() rille.select { a, [3] = b, timeout = 1 } end, "select: case 2 is n")
    assert.error_matches(function() rille.select { b = b, timeout = 1 } end, "select takes a list of cases, timeout and default: got 'b'")
    assert.error_matches(function() rille.select { a, timout = 1 } end, "select takes a list of cases, timeout and default: got 'timout'")
    assert.error_matches(function() rille.select { rille.shared_channel "mixed", timout = 1 } end, "got 'timout'")
    assert.has_error(function() rille.select {} end, "select has neither a case nor a timeout: it would wait for ever")
  end)
end)

describe("a history of random operations", function()
  for _, capacity in ipairs { 0, 1, 4 } do
    it("is one that the model allows, with room for " .. capacity, function()
      for seed in model.seeds(40) do
        local ok, err = pcall(model.run, seed, function() return rille.channel(capacity) end)
        assert(ok, "seed " .. seed .. ": " .. tostring(err))
      end
    end)
  end
end)
