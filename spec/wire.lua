--- HTTP/1 by hand, for specs: raw bytes out, answers in, nothing corrected.
--
--     local conn = wire.connect(port)
--     conn:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
--     local answer = assert(conn:answer())      -- status, headers, body, version
--     assert.equal("", conn:rest())             -- the server closed, without a word more
--
-- Every wait has a deadline; none sleeps. The reading of answers is strict: what
-- a careful client would refuse comes back as nil and "malformed: why".

local socket = require "socket"

local wire = {}
local Conn = {}
Conn.__index = Conn

local TIMEOUT_SECONDS = 60 -- of patience: nothing here takes one, on an idle machine
local READ_BYTES = 65536

--- Connect to 127.0.0.1.
-- @param port of the server
-- @param[opt] seconds how long any later wait of this connection may take
function wire.connect(port, seconds)
  local sock = assert(socket.tcp())
  sock:settimeout(TIMEOUT_SECONDS)
  assert(sock:connect("127.0.0.1", port))
  sock:setoption("tcp-nodelay", true)
  sock:settimeout(0)
  return setmetatable({ sock = sock, buffer = "", seconds = seconds or TIMEOUT_SECONDS }, Conn)
end

-- Take what has arrived; waits for it until `deadline`.
-- Returns true, or nil and "closed" | "timeout".
local function fill(self, deadline)
  if self.ended then return nil, "closed" end
  local wait_seconds = math.max(0, deadline - socket.gettime())
  local readable = socket.select({ self.sock }, nil, wait_seconds)
  if #readable == 0 then return nil, "timeout" end
  local bytes, why, partial = self.sock:receive(READ_BYTES)
  bytes = bytes or partial
  if #bytes > 0 then self.buffer = self.buffer .. bytes end
  if why == "closed" then
    self.ended = true
    if #bytes == 0 then return nil, "closed" end
  end
  return true
end

--- Send all of `bytes`, reading meanwhile, so that neither side waits for ever.
-- @return true, or nil and "closed" | "timeout"
function Conn:send(bytes)
  local deadline = socket.gettime() + self.seconds
  local sent = 0
  while sent < #bytes do
    local last, why, partial = self.sock:send(bytes, sent + 1)
    sent = last or partial
    if why == "closed" then return nil, why end
    if why == "timeout" then
      if socket.gettime() > deadline then return nil, why end
      local readable = socket.select({ self.sock }, { self.sock }, math.max(0, deadline - socket.gettime()))
      if #readable > 0 and not self.ended then fill(self, deadline) end
    end
  end
  return true
end

--- Say that no more bytes will come; answers can still be read.
function Conn:half_close()
  self.sock:shutdown("send")
end

function Conn:close()
  self.sock:close()
end

--- Close with a reset, as a client that crashed.
function Conn:reset()
  self.sock:setoption("linger", { on = true, timeout = 0 })
  self.sock:close()
end

local function malformed(why)
  return nil, "malformed: " .. why
end

local function parse_field(line, headers)
  local name, value = line:match("^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$")
  if not name or value:find("[%z\1-\8\10-\31\127]") then return malformed("header line " .. line) end
  name = name:lower()
  if headers[name] and (name == "content-length" or name == "transfer-encoding" or name == "date") then
    return malformed("two of " .. name)
  end
  headers[name] = headers[name] and headers[name] .. ", " .. value or value
  return true
end

local function parse_head(text)
  local first, fields = text:match("^([^\r\n]*)\r\n(.*)$")
  if not first then return malformed("status line " .. text) end
  local version, status, reason = first:match("^HTTP/(1%.[01]) (%d%d%d) ([\t\32-\126]*)$")
  if not version then return malformed("status line " .. first) end
  local answer = { version = version, status = tonumber(status), reason = reason, headers = {}, body = "" }
  for line in fields:gmatch("(.-)\r\n") do
    local ok, why = parse_field(line, answer.headers)
    if not ok then return nil, why end
  end
  return answer
end

-- The body's chunks from `at` on: text and the position behind them, or nil when
-- more bytes must come, or nil and what is wrong.
local function parse_chunks(bytes, at)
  local parts = {}
  while true do
    local line, after = bytes:match("^([^\r\n]*)\r\n()", at)
    if not line then return nil end
    local size = tonumber(line:match("^%x+") or "", 16)
    if not size then return malformed("chunk size " .. line) end
    if size == 0 then
      local past = bytes:match("^\r\n()", after) or select(2, bytes:find("\r\n\r\n", after, true))
      if not past then return nil end
      return table.concat(parts), past
    end
    if #bytes < after + size + 1 then return nil end
    if bytes:sub(after + size, after + size + 1) ~= "\r\n" then return malformed("chunk without its end") end
    parts[#parts + 1] = bytes:sub(after, after + size - 1)
    at = after + size + 2
  end
end

--- Read one answer from the front of `bytes`.
-- @param bytes what has arrived
-- @param[opt] to_head true: the answer is to a HEAD request and has no body
-- @return the answer and the bytes behind it; nil when more bytes must come;
--   nil and "malformed: why"
function wire.parse(bytes, to_head)
  local head_end, body_at = bytes:match("()\r\n\r\n()")
  if not head_end then return nil end
  local answer, why = parse_head(bytes:sub(1, head_end + 1))
  if not answer then return nil, why end
  local length, coding = answer.headers["content-length"], answer.headers["transfer-encoding"]
  if length and coding then return malformed("both Content-Length and Transfer-Encoding") end
  local bodiless = answer.status < 200 or answer.status == 204
  if bodiless and (length or coding) then return malformed(answer.status .. " that announces a body") end
  if bodiless or to_head or answer.status == 304 then return answer, bytes:sub(body_at) end
  if coding then
    if coding ~= "chunked" then return malformed("Transfer-Encoding " .. coding) end
    local body, past = parse_chunks(bytes, body_at)
    if not body then return nil, past end
    answer.body = body
    return answer, bytes:sub(past)
  end
  if not (length and length:match("^%d+$")) then return malformed("no end of the body is announced") end
  local past = body_at + tonumber(length)
  if #bytes < past - 1 then return nil end
  answer.body = bytes:sub(body_at, past - 1)
  return answer, bytes:sub(past)
end

--- Read the next answer.
-- @param[opt] to_head true when it answers a HEAD request
-- @return the answer, or nil and "closed" | "timeout" | "malformed: why"
function Conn:answer(to_head)
  local deadline = socket.gettime() + self.seconds
  while true do
    local answer, rest = wire.parse(self.buffer, to_head)
    if answer then
      self.buffer = rest
      return answer
    end
    if rest then return nil, rest end
    local ok, why = fill(self, deadline)
    if not ok then return nil, why end
  end
end

--- Read until what has come matches a pattern, and forget all that it stands behind: for streams, which do not end.
-- @return what the pattern captures; or nil and "closed" | "timeout"
function Conn:await(pattern)
  local deadline = socket.gettime() + self.seconds
  while true do
    local _, last, found = self.buffer:find(pattern)
    if last then
      self.buffer = self.buffer:sub(last + 1)
      return found
    end
    local ok, why = fill(self, deadline)
    if not ok then return nil, why end
  end
end

--- Read until the server closes.
-- @return the bytes that still came, or nil and "timeout" when it did not close
function Conn:rest()
  local deadline = socket.gettime() + self.seconds
  while true do
    local ok, why = fill(self, deadline)
    if why == "timeout" then return nil, why end
    if not ok then break end
  end
  local rest = self.buffer
  self.buffer = ""
  return rest
end

--- A complete request from its lines: CRLF between, an empty line behind, then `lines.body`.
function wire.request(lines)
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (lines.body or "")
end

--- GET with a Host and more header lines.
function wire.get(target, ...)
  return wire.request{ "GET " .. target .. " HTTP/1.1", "Host: x", ... }
end

--- POST with a body of announced length and more header lines.
function wire.post(target, body, ...)
  return wire.request{ body = body, "POST " .. target .. " HTTP/1.1", "Host: x", "Content-Length: " .. #body,
    ... }
end

--- POST whose body is already in chunked form, and more header lines.
function wire.chunked(target, chunks, ...)
  return wire.request{ body = chunks, "POST " .. target .. " HTTP/1.1", "Host: x",
    "Transfer-Encoding: chunked", ... }
end

return wire
