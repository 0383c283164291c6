--- Many requests at once, over connections that are kept.
--
--     swarm.new(s.port, 30):run(function(i)          -- asked for the next request until it gives none
--       if i <= 1000 then
--         return wire.get("/" .. i), function(answer, why) … end
--       end
--     end):close()
--
-- Each request hears exactly once: of its answer, or of nil and why there is none; and on which connection,
-- with the time when that was opened. What is answered twice, or without having been asked, is an error here.

local socket = require "socket"
local wire = require "spec.wire"

local swarm = {}
local Swarm = {}
Swarm.__index = Swarm

local PATIENCE_SECONDS = 60 -- from one answer to the next

function swarm.new(port, count)
  return setmetatable({ port = port, count = count, conns = {}, asked = 0 }, Swarm)
end

local function settle(self, i, answer, why)
  local conn = self.conns[i]
  local heard = conn.heard
  conn.heard, conn.is_over = nil, why ~= nil
  heard(answer, why, conn)
end

-- The next request for connection i. False when there is none.
local function ask(self, i, next_request)
  local bytes, heard = next_request(self.asked + 1)
  if not bytes then return false end
  self.asked = self.asked + 1
  local conn = self.conns[i]
  if not conn or conn.is_over then
    local opened = socket.gettime()
    conn = wire.connect(self.port)
    conn.opened = opened
    self.conns[i] = conn
  end
  conn.heard = heard
  local sent, why = conn:send(bytes)
  if not sent then settle(self, i, nil, why) end
  return true
end

local function read(self, i)
  local conn = self.conns[i]
  local bytes, why, partial = conn.sock:receive(65536)
  conn.buffer = conn.buffer .. (bytes or partial)
  local answer, rest = wire.parse(conn.buffer)
  if answer then
    conn.buffer = rest
    assert(rest == "", "an answer that nobody asked for")
    settle(self, i, answer)
    conn.is_over = answer.headers.connection == "close"
  elseif rest or why == "closed" then
    settle(self, i, nil, rest or why)
  end
end

local function sockets(self)
  local socks, places = {}, {}
  for i, conn in pairs(self.conns) do
    if conn.heard then
      socks[#socks + 1] = conn.sock
      places[conn.sock] = i
    end
  end
  return socks, places
end

--- Ask until `next_request` gives nothing more, and every answer is in.
-- @param next_request `function(number)`: bytes, and a function to be told of the answer
-- @param[opt] between called between two reads, as often as there are any
function Swarm:run(next_request, between)
  local deadline, has_more = socket.gettime() + PATIENCE_SECONDS, true
  repeat
    for i = 1, self.count do
      if has_more and not (self.conns[i] and self.conns[i].heard) then
        has_more = ask(self, i, next_request)
      end
    end
    local socks, places = sockets(self)
    for _, sock in ipairs((socket.select(socks, nil, 0.005))) do
      read(self, places[sock])
      deadline = socket.gettime() + PATIENCE_SECONDS
    end
    if between then between(self) end
    if socket.gettime() > deadline then error("requests without an answer", 2) end
  until not has_more and #socks == 0
  return self
end

--- Leave the request of connection i, with a reset.
function Swarm:leave(i)
  local conn = self.conns[i]
  conn:reset()
  conn.heard(nil, "left")
  self.conns[i] = nil
end

function Swarm:close()
  for _, conn in pairs(self.conns) do conn:close() end
  self.conns = {}
end

return swarm
