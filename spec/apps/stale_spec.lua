--- No `c` of a request that is over ever reads another request's data.
--
-- STALE_REQUESTS in the environment says how many requests are tried, 100,000 unless told
-- (20,000 of a server with a sanitizer).

local core = require "rille.core"
local server = require "spec.server"
local wire = require "spec.wire"

local REQUESTS = tonumber(os.getenv "STALE_REQUESTS")
local USUAL_REQUESTS, SANITIZED_REQUESTS = 100000, 20000 -- a sanitizer build is five times as slow
local CONNECTIONS = 4
local BATCH = 100 -- requests that are sent before the first answer is read
local NONCE = "n%09d" -- all of one length, so that all answers are
local TIMEOUT_SECONDS = 60

-- Most are plain; the others are of those kinds now and then.
local function kind_of(number)
  return number % 50 == 7 and "body" or number % 97 == 5 and "wait" or number % 211 == 3 and "task" or "ask"
end

local function request(number)
  local nonce, kind = NONCE:format(number), kind_of(number)
  local target = ("/%s/%s?nonce=%s"):format(kind, nonce, nonce)
  if kind == "body" then
    return nonce, wire.post(target, ('{"nonce":"%s"}'):format(nonce), "X-Nonce: " .. nonce, "Cookie: nonce=" .. nonce,
      "Content-Type: application/json")
  end
  return nonce, wire.get(target, "X-Nonce: " .. nonce, "Cookie: nonce=" .. nonce)
end

local function batch(first)
  local nonces, requests = {}, {}
  for i = 1, BATCH do nonces[i], requests[i] = request(first + i) end
  return nonces, table.concat(requests)
end

describe("a context of a request that is over", function()
  local running

  setup(function()
    running = server.start{ app = "spec/apps/stale", args = { "--workers", "1", "--no-access-log" } }
  end)

  teardown(function()
    local status, log = running:stop()
    assert.equal(0, status, log)
  end)

  local function ask(conn, bytes)
    assert(conn:send(bytes))
    return assert(conn:answer())
  end

  local function requests_wanted()
    return REQUESTS or (running:is_sanitized() and SANITIZED_REQUESTS or USUAL_REQUESTS)
  end

  it("says so whatever it is asked, while others have its place", function()
    local conns = {}
    for i = 1, CONNECTIONS do
      conns[i] = wire.connect(running.port, TIMEOUT_SECONDS)
      conns[i].sock:settimeout(TIMEOUT_SECONDS)
    end
    local _, first = request(0)
    assert(conns[1].sock:send(first))
    local head = ""
    repeat head = head .. assert(conns[1].sock:receive(1)) until head:find("\r\n\r\n", 1, true)
    local answer_len = #head + #NONCE:format(0)
    assert(conns[1].sock:receive(answer_len - #head))

    local count = requests_wanted()
    for from = 1, count, BATCH * CONNECTIONS do
      local expected = {}
      for i, conn in ipairs(conns) do
        local nonces, bytes = batch(from + (i - 1) * BATCH)
        expected[i] = nonces
        assert(conn.sock:send(bytes))
      end
      for i, conn in ipairs(conns) do
        local answers = assert(conn.sock:receive(BATCH * answer_len))
        for at, nonce in ipairs(expected[i]) do
          local last = at * answer_len
          local body = answers:sub(last - #nonce + 1, last)
          if body ~= nonce then error(nonce .. " was answered: " .. answers:sub(last - answer_len + 1, last)) end
        end
      end
    end

    for i = 2, CONNECTIONS do conns[i]:close() end
    conns[1].sock:settimeout(0)
    local report = core.json_decode(ask(conns[1], wire.get("/report")).body)
    assert.same({}, report.wrong)
    assert.is_true(report.used > count * 4, report.used .. " uses")
  end)
end)
