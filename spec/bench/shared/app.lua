--- What passes between two workers: `rille serve spec/bench/shared --workers 2`, then GET /.
--
-- One worker sends, the other receives; which of them does what they settle among themselves.
local rille = require "rille"
local app = rille.app()

local KINDS = {
  numbers = function(i) return i end,
  strings = function(i) return i % 2 == 0 and "an order of two" or "another one" end,
  tables = function(i) return { id = i, name = "tea" } end,
}
local COUNTS = { numbers = 2000000, strings = 2000000, tables = 1000000 }
local ROUNDS = 20000

local requests = rille.shared_channel "bench.requests"
local me = rille.random(8)

local function channel_of(kind)
  return rille.shared_channel("bench." .. kind, { capacity = 1000 })
end

local function send(kind)
  local ch, make = channel_of(kind), KINDS[kind]
  for i = 1, COUNTS[kind] do
    ch:send(make(i))
  end
end

local function bounce()
  local there, back = rille.shared_channel "bench.there", rille.shared_channel "bench.back"
  for _ = 1, ROUNDS do
    back:send(there:recv())
  end
end

-- Each worker serves the other one's requests, never its own.
app:on_start(function()
  rille.background(function()
    for request in requests:iter() do
      if request.from == me then
        requests:send(request)
      elseif request.kind == "bounce" then
        bounce()
      else
        send(request.kind)
      end
    end
  end)
end)

local function rate(kind)
  local ch = channel_of(kind)
  requests:send { from = me, kind = kind }
  local began = rille.uptime()
  for _ = 1, COUNTS[kind] do
    ch:recv()
  end
  return COUNTS[kind] / (rille.uptime() - began)
end

-- Half of a round trip, in microseconds: the median, and the 99th of a hundred.
local function latency()
  local there, back, times = rille.shared_channel "bench.there", rille.shared_channel "bench.back", {}
  requests:send { from = me, kind = "bounce" }
  for i = 1, ROUNDS do
    local began = rille.uptime()
    there:send(i)
    back:recv()
    times[i] = (rille.uptime() - began) * 5e5
  end
  table.sort(times)
  return times[ROUNDS / 2], times[math.floor(ROUNDS * 0.99)]
end

app:get("/", { timeout = 60 }, function()
  local lines = {}
  for _, kind in ipairs { "numbers", "strings", "tables" } do
    lines[#lines + 1] = ("%-10s %6.2f million a second"):format(kind, rate(kind) / 1e6)
  end
  lines[#lines + 1] = ("one way    p50 %.1f us, p99 %.1f us"):format(latency())
  return table.concat(lines, "\n") .. "\n"
end)

return app
