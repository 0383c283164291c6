--- JSON over spec/wire: one request, one answer, `answer.json` decoded.
--
--     local api = client.new(s.port)
--     local answer = api:post("/api/v1/users", { name = "Ada" })
--     assert.equal(422, answer.status)

local json = require("rille").json
local wire = require "spec.wire"

local client = {}
local Client = {}
Client.__index = Client

function client.new(port)
  return setmetatable({ port = port }, Client)
end

local function post_bytes(path, body)
  local text = type(body) == "string" and body or json.encode(body)
  return wire.post(path, text, "Content-Type: application/json")
end

local function read(conn)
  local answer = assert(conn:answer())
  conn:close()
  if (answer.headers["content-type"] or ""):find("application/json", 1, true) then
    answer.json = json.decode(answer.body)
  end
  return answer
end

local function exchange(self, bytes)
  local conn = wire.connect(self.port)
  assert(conn:send(bytes))
  return read(conn)
end

function Client:get(path)
  return exchange(self, wire.get(path))
end

--- `body` is a table to encode, or a string to send as it is.
function Client:post(path, body)
  return exchange(self, post_bytes(path, body))
end

--- Send every body on a connection of its own before the first answer is read.
-- @treturn {answer,...} in the order of the bodies
function Client:post_all(path, bodies)
  local conns, answers = {}, {}
  for i in ipairs(bodies) do
    conns[i] = wire.connect(self.port)
  end
  for i, body in ipairs(bodies) do
    assert(conns[i]:send(post_bytes(path, body)))
  end
  for i, conn in ipairs(conns) do
    answers[i] = read(conn)
  end
  return answers
end

return client
