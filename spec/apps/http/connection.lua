--- Connections (RFC 9112 9): who keeps them, who closes, half-closed clients, upgrades nobody honours.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local head, nothing_or, ok = case.head, case.nothing_or, case.ok
local cases = {}

-- header lines of HTTP/1.1
case.each(cases, {
  { "1.1 stays open", {}, { status = 200, body = "hello" } },
  { "close", { "Connection: close" }, { status = 200, body = "hello", headers = { connection = "close" } },
    closes = true },
  { "Close", { "Connection: Close" }, ok "hello", closes = true },
  { "CLOSE in a header of capitals", { "CONNECTION: CLOSE" }, ok "hello", closes = true },
  { "keep-alive", { "Connection: keep-alive" }, ok "hello" },
  { "keep-alive and close", { "Connection: keep-alive, close" }, ok "hello", closes = true },
  { "close and keep-alive", { "Connection: close, keep-alive" }, ok "hello", closes = true },
  { "close behind another option", { "Connection: x-a, close" }, ok "hello", closes = true },
  { "close before another option", { "Connection: close, x-a" }, ok "hello", closes = true },
  { "close without spaces", { "Connection: x-a,close,x-b" }, ok "hello", closes = true },
  { "close behind an empty element", { "Connection: ,close" }, ok "hello", closes = true },
  { "close in a second line", { "Connection: keep-alive", "Connection: close" }, ok "hello", closes = true },
  { "close in a first line", { "Connection: close", "Connection: x-a" }, ok "hello", closes = true },
  { "close with spaces around", { "Connection:   close  " }, ok "hello", closes = true },
  { "an option that begins so", { "Connection: closed" }, ok "hello" },
  { "an option that ends so", { "Connection: not-close" }, ok "hello" },
  { "Proxy-Connection is not Connection", { "Proxy-Connection: close" }, ok "hello" },
  { "Keep-Alive is a hint", { "Connection: keep-alive", "Keep-Alive: timeout=5, max=1" }, ok "hello" },
  { "an upgrade to h2c", { "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__" },
    { status = 200, body = "hello", without = { "upgrade" } } },
  { "an upgrade to WebSocket", { "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" }, ok "hello" },
  { "an upgrade to TLS", { "Connection: Upgrade", "Upgrade: TLS/1.2" }, ok "hello" },
  { "an upgrade to nothing known", { "Connection: Upgrade", "Upgrade: foo/2" }, ok "hello" },
  { "Upgrade without Connection", { "Upgrade: h2c" }, ok "hello" },
  { "Connection without Upgrade", { "Connection: Upgrade" }, ok "hello" },
  { "an upgrade and close", { "Connection: Upgrade, close", "Upgrade: h2c" }, ok "hello", closes = true },
}, function(lines) return wire.get("/", unpack(lines)) end)

-- header lines of HTTP/1.0
case.each(cases, {
  { "1.0 closes", {}, { status = 200, body = "hello", without = { "transfer-encoding" } }, closes = true },
  { "1.0 and keep-alive", { "Connection: keep-alive" },
    { status = 200, body = "hello", headers = { connection = "~[Kk]eep%-[Aa]live" } } },
  { "1.0 and Keep-Alive in capitals", { "Connection: Keep-Alive" }, ok "hello" },
  { "1.0 and keep-alive among others", { "Connection: x-a, keep-alive" }, ok "hello" },
  { "1.0 and close", { "Connection: close" }, ok "hello", closes = true },
  { "1.0, keep-alive and close", { "Connection: keep-alive, close" }, ok "hello", closes = true },
  { "1.0 and another option", { "Connection: x-a" }, ok "hello", closes = true },
  { "1.0 and the hint alone", { "Keep-Alive: timeout=5" }, ok "hello", closes = true },
  { "1.0 and Proxy-Connection", { "Proxy-Connection: keep-alive" }, ok "hello", closes = true },
}, function(lines) return wire.request{ "GET / HTTP/1.0", unpack(lines) } end)

-- whole exchanges
case.each(cases, {
  { "close to POST", wire.post("/body", "abc", "Connection: close"), ok "abc", closes = true },
  { "close to a chunked POST", wire.chunked("/body", "1\r\na\r\n0\r\n\r\n", "Connection: close"), ok "a",
    closes = true },
  { "close to HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", head(200), closes = true },
  { "close to a path nobody serves", wire.get("/nowhere", "Connection: close"), 404, closes = true },
  { "404 stays open", wire.get("/nowhere"), 404 },
  { "405 stays open", "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
  { "an error of the handler stays open", wire.get("/fail/400"), 400, stays = true },
  { "a fault stays open", wire.get("/fault"), 500 },
  { "a long answer, then close", wire.get("/big", "Connection: close"),
    { status = 200, headers = { ["content-length"] = "1048576" } }, closes = true },
  { "a long answer to HTTP/1.0", "GET /big HTTP/1.0\r\n\r\n",
    { status = 200, headers = { ["content-length"] = "1048576" }, without = { "transfer-encoding" } },
      closes = true },
  { "an upgrade with a body", wire.post("/body", "abc", "Connection: Upgrade", "Upgrade: h2c"), ok "abc" },
  { "HTTP/1.0 after HTTP/1.1", wire.get("/") .. "GET / HTTP/1.0\r\n\r\n", { ok "hello", ok "hello" },
    closes = true },
  { "HTTP/1.1 after a kept HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" .. wire.get("/"),
    { ok "hello", ok "hello" } },
  { "a hundred requests one after another", (function()
    local steps = {}
    for i = 1, 99 do
      steps[2 * i - 1] = wire.get("/echo/" .. i)
      steps[2 * i] = ok(tostring(i))
    end
    steps[199] = wire.get("/")
    return steps
  end)(), ok "hello" },
}, function(raw) return raw end)

-- clients that end their side when all is said
case.each(cases, {
  { "a half-closed client is answered", wire.get("/"), ok "hello" },
  { "a half-closed client waits for a slow answer", wire.get("/sleep/150"), ok "slept", alone = true },
  { "a half-closed client gets a long answer", wire.get("/big"), 200, alone = true },
  { "a half-closed client gets all answers", wire.get("/") .. wire.get("/path") .. wire.get("/query?a=1"),
    { ok "hello", ok "/path", ok "1" } },
  { "a half-closed client gets its refusal", "GET / HTTP/1.1\r\nX : y\r\n\r\n", 400 },
  { "a half-closed client with a body", wire.post("/body", "abc"), ok "abc" },
  { "nothing sent", "", nothing_or(), alone = true },
  { "an empty line sent", "\r\n", nothing_or(400), alone = true },
  { "half a method", "GE", nothing_or(400, 408) },
  { "half a request line", "GET /pa", nothing_or(400, 408) },
  { "a request line alone", "GET / HTTP/1.1\r\n", nothing_or(400, 408) },
  { "half a header", "GET / HTTP/1.1\r\nHo", nothing_or(400, 408) },
  { "no end of the head", "GET / HTTP/1.1\r\nHost: x\r\n", nothing_or(400, 408) },
  { "half the end of the head", "GET / HTTP/1.1\r\nHost: x\r\n\r", nothing_or(400, 408) },
  { "half a body", "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", nothing_or(400, 408) },
  { "no body", "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", nothing_or(400, 408) },
  { "a good request and half a one", wire.get("/") .. "GET /pa", { ok "hello", nothing_or(400, 408) } },
}, function(raw) return raw end, { half_close = true })

return cases
