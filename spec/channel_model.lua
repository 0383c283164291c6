--- What Go's memory of a channel is: a queue of at most `capacity` values, and parties
-- that wait. Tasks do random things to a few channels and write down what they began
-- and what came of it; the history is then held against the model:
--
--   every value received was sent, on that channel, and is received once;
--   values of one sender come to one receiver in its order;
--   never are there more sent than received + capacity + senders that wait;
--   after close nothing is sent, and "closed" comes only when all was received.
local rille = require "rille"

local model = {}

--- The seeds to try: CHANNEL_SEEDS of them, from CHANNEL_FROM (1) on. A history has 360 operations.
-- @tparam integer count how many when nobody says
-- @treturn function for `for seed in model.seeds(20) do`
function model.seeds(count)
  local seed = (tonumber(os.getenv "CHANNEL_FROM") or 1) - 1
  local last = seed + (tonumber(os.getenv "CHANNEL_SEEDS") or count)
  return function()
    seed = seed + 1
    return seed <= last and seed or nil
  end
end

--- One history.
-- @tparam integer seed
-- @tparam function(i) new_channel the i-th of three
-- @raise when the model does not allow it
function model.run(seed, new_channel)
  local random = seed
  local function roll(n) -- deterministic, and the same on every machine
    random = (random * 1103515245 + 12345) % 2147483648
    return math.floor(random / 65536) % n + 1
  end
  local channels, history = {}, {}
  for i = 1, 3 do
    channels[i] = new_channel(i)
    history[i] = { sent = {}, received = {}, tried = {}, last = {} }
  end
  local next_value = 0
  local function note_sent(i, value)
    history[i].sent[value] = true
  end
  local function note_received(i, value, receiver)
    local of = history[i]
    assert(of.tried[value], "a value that nobody sent: " .. tostring(value))
    assert(not of.received[value], "received twice: " .. tostring(value))
    of.received[value] = true
    local pair, number = of.tried[value].sender .. " to " .. receiver, of.tried[value].number
    assert((of.last[pair] or 0) < number, "out of its sender's order")
    of.last[pair] = number
  end
  local function value_for(i, sender, number)
    next_value = next_value + 1
    history[i].tried[next_value] = { sender = sender, number = number }
    return next_value
  end

  local function act(sender, number)
    local i, what = roll(3), roll(7)
    local ch = channels[i]
    if what <= 2 then
      local value = value_for(i, sender, number)
      if ch:send(value, roll(3) == 1 and 0.002 or 1) then
        note_sent(i, value)
      end
    elseif what == 3 then
      local value = value_for(i, sender, number)
      if ch:try_send(value) then
        note_sent(i, value)
      end
    elseif what <= 5 then
      local value = ch:recv(roll(3) == 1 and 0.002 or 1)
      if value then
        note_received(i, value, sender)
      end
    elseif what == 6 then
      local value = ch:try_recv()
      if value then
        note_received(i, value, sender)
      end
    else
      local other = roll(3)
      local value = value_for(other, sender, number)
      local index, got = rille.select { ch, { channels[other], value }, timeout = 0.003 }
      if index == 1 and got then
        note_received(i, got, sender)
      elseif index == 2 then
        note_sent(other, value)
      end
    end
  end

  local tasks = {}
  for sender = 1, 6 do
    tasks[sender] = rille.spawn(function()
      for number = 1, 60 do
        act(sender, number)
        if roll(10) == 1 then
          rille.sleep(0)
        end
      end
    end)
  end
  for sender = 1, 6 do
    if sender == 6 and roll(2) == 1 then
      tasks[sender]:cancel()
      pcall(tasks[sender].await, tasks[sender])
    else
      tasks[sender]:await()
    end
  end
  for i = 1, 3 do
    local of = history[i]
    channels[i]:close()
    for value in channels[i]:iter() do
      note_received(i, value, 0)
    end
    for value in pairs(of.sent) do
      assert(of.received[value], "sent, and never received: " .. value)
    end
    for value in pairs(of.received) do -- a cancelled sender's last value may have been taken
      assert(of.sent[value] or of.tried[value].sender == 6, "received, and its sender was told that it was not sent")
    end
  end
end

return model
