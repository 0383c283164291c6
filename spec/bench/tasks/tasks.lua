-- What spec/bench/tasks/main.go does, in Rille: `build/rille exec apps/hello spec/bench/tasks/tasks.lua NAME` prints
-- nanoseconds a round, of `parked` bytes a parked task. It is no spec, for there a seed draws who runs next among all who
-- can, and locks are watched.
local rille = require "rille"

local bench = {}

function bench.buffered(n)
  local channel = rille.channel(64)
  for i = 1, n do
    channel:send(i)
    channel:recv()
  end
end

function bench.pingpong(n)
  local there, back = rille.channel(), rille.channel()
  rille.spawn(function()
    for value in there:iter() do
      back:send(value)
    end
  end)
  for i = 1, n do
    there:send(i)
    back:recv()
  end
  there:close()
end

function bench.spawn(n)
  local all = rille.wait_group()
  for _ = 1, n do
    all:add(1)
    rille.spawn(function() all:done() end)
  end
  all:wait()
end

bench["select"] = function(n)
  local channels = {}
  for i = 1, 4 do
    channels[i] = rille.channel(64)
  end
  for i = 1, n do
    channels[i % 4 + 1]:send(i)
    rille.select(channels)
  end
end

function bench.pipeline(n)
  local a, b, c = rille.channel(64), rille.channel(64), rille.channel(64)
  rille.spawn(function() for i = 1, n do a:send(i) end a:close() end)
  rille.spawn(function() for value in a:iter() do b:send(value + 1) end b:close() end)
  rille.spawn(function() for value in b:iter() do c:send(value * 2) end c:close() end)
  for _ in c:iter() do end -- luacheck: ignore
end

-- Each finds it locked by the other, which waits while it holds it.
function bench.mutex(n)
  local mutex, all = rille.mutex(), rille.wait_group()
  for _ = 1, 2 do
    all:add(1)
    rille.spawn(function()
      for _ = 1, n / 2 do
        mutex:lock()
        rille.sleep(0)
        mutex:unlock()
      end
      all:done()
    end)
  end
  all:wait()
end

local function resident()
  for text in io.lines "/proc/self/status" do
    local kib = text:match "^VmRSS:%s*(%d+)"
    if kib then
      return kib * 1024
    end
  end
end

local function parked(n)
  local before = resident()
  local channel = rille.channel()
  for _ = 1, n do
    rille.spawn(function() channel:recv() end)
  end
  rille.spawn(function() end):await() -- behind them all
  print(("%d"):format((resident() - before) / n))
end

local ROUNDS = { buffered = 5e6, pingpong = 1e6, spawn = 1e5, ["select"] = 1e6, pipeline = 1e6, mutex = 1e6 }

local name = ...
if name == "parked" then
  return parked(1e6)
end
local rounds, best = ROUNDS[name], math.huge
bench[name](rounds / 10)
for _ = 1, 3 do
  local began = rille.uptime()
  bench[name](rounds)
  best = math.min(best, rille.uptime() - began)
end
print(("%.1f"):format(best / rounds * 1e9))
