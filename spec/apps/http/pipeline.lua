--- Pipelining (RFC 9112 9.3.2): answers in order, and none lost to what follows.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, head, ok = case.either, case.head, case.ok

local BAD = "GET / HTTP/1.1\r\nHost : x\r\n\r\n"
local HEAD = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"

local function echoes(count)
  local raws, wants = {}, {}
  for i = 1, count do
    raws[i] = wire.get("/echo/" .. i)
    wants[i] = ok(tostring(i))
  end
  return table.concat(raws), wants
end

local ten, ten_wants = echoes(10)
local hundred, hundred_wants = echoes(100)
local thousand, thousand_wants = echoes(1000)

return {
  { "two requests", wire.get("/") .. wire.get("/path"), { ok "hello", ok "/path" } },
  { "ten requests", ten, ten_wants },
  { "a hundred requests", hundred, hundred_wants },
  { "a thousand requests", thousand, thousand_wants, alone = true },
  { "an empty line between", wire.get("/") .. "\r\n" .. wire.get("/path"), { ok "hello", ok "/path" } },
  { "a slow answer before a quick one", wire.get("/sleep/30") .. wire.get("/"), { ok "slept", ok "hello" } },
  { "a quick, a slow, a quick one", wire.get("/") .. wire.get("/sleep/30") .. wire.get("/path"),
    { ok "hello", ok "slept", ok "/path" } },
  { "slow ones", wire.get("/sleep/30") .. wire.get("/sleep/10") .. wire.get("/sleep/20"),
    { ok "slept", ok "slept", ok "slept" } },
  { "a slow POST before a GET", wire.post("/body", "abc") .. wire.get("/sleep/20") .. wire.post("/body",
    "def"),
    { ok "abc", ok "slept", ok "def" } },
  { "GET, POST, GET", wire.get("/") .. wire.post("/body", "abc") .. wire.get("/path"),
    { ok "hello", ok "abc", ok "/path" } },
  { "POST, POST", wire.post("/body", "abc") .. wire.post("/body", "de"), { ok "abc", ok "de" } },
  { "chunked, chunked", wire.chunked("/body", "1\r\na\r\n0\r\n\r\n") .. wire.chunked("/body",
    "1\r\nb\r\n0\r\n\r\n"),
    { ok "a", ok "b" } },
  { "chunked, GET", wire.chunked("/body", "1\r\na\r\n0\r\n\r\n") .. wire.get("/"), { ok "a", ok "hello" } },
  { "chunked with a trailer, GET", wire.chunked("/body", "1\r\na\r\n0\r\nX-T: 1\r\n\r\n") .. wire.get("/"),
    { ok "a", ok "hello" } },
  { "HEAD, GET", HEAD .. wire.get("/"), { head(200), ok "hello" } },
  { "GET, HEAD, GET", wire.get("/") .. HEAD .. wire.get("/path"), { ok "hello", head(200), ok "/path" } },
  { "HEAD, HEAD", HEAD .. HEAD, { head(200), head(200) } },
  { "HEAD of a path nobody serves, GET", "HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" .. wire.get("/"),
    { head(404), ok "hello" } },
  { "204, GET", wire.get("/nothing") .. wire.get("/"), { 204, ok "hello" } },
  { "304, GET", wire.get("/not-modified") .. wire.get("/"), { 304, ok "hello" } },
  { "404, GET", wire.get("/nowhere") .. wire.get("/"), { 404, ok "hello" } },
  { "405, GET", "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n" .. wire.get("/"), { 405, ok "hello" } },
  { "a fault, GET", wire.get("/fault") .. wire.get("/"), { 500, ok "hello" } },
  { "OPTIONS, GET", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" .. wire.get("/"),
    { either(200, 204), ok "hello" } },
  { "a long answer, then a short one", wire.get("/big") .. wire.get("/"),
    { { status = 200, headers = { ["content-length"] = "1048576" } }, ok "hello" }, alone = true },
  { "three long answers", wire.get("/big"):rep(3), { 200, 200, 200 }, alone = true },

  { "a bad one behind a good one", wire.get("/") .. BAD, { ok "hello", 400 } },
  { "a bad one behind five good ones", wire.get("/"):rep(5) .. BAD,
    { ok "hello", ok "hello", ok "hello", ok "hello", ok "hello", 400 } },
  { "a bad one behind a slow one", wire.get("/sleep/30") .. BAD, { ok "slept", 400 } },
  { "a bad one behind slow ones", wire.get("/sleep/20") .. wire.get("/sleep/20") .. BAD,
    { ok "slept", ok "slept", 400 } },
  { "a bad one behind a POST", wire.post("/body", "abc") .. BAD, { ok "abc", 400 } },
  { "a bad one behind a long answer", wire.get("/big") .. BAD, { 200, 400 }, alone = true },
  { "a bad one behind HEAD", HEAD .. BAD, { head(200), 400 } },
  { "nothing behind a bad one", wire.get("/") .. BAD .. wire.get("/smuggled"), { ok "hello", 400 } },
  { "garbage behind a good one", wire.get("/") .. "\1\2\3\4", { ok "hello", 400 } },
  { "an unknown method behind a good one", wire.get("/") .. "FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    { ok "hello", 501 } },
  { "a wrong version behind a good one", wire.get("/") .. "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    { ok "hello", 505 } },
  { "a length too high behind a good one",
    wire.get("/") .. "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
      { ok "hello", 413 } },
  { "TE and CL behind a good one", wire.get("/") .. "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    .. "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", { ok "hello", 400 } },
  { "a bad chunk behind a good request", wire.get("/") .. wire.chunked("/body", "x\r\n"),
    { ok "hello", 400 } },
  { "nothing behind a close", wire.get("/", "Connection: close") .. wire.get("/smuggled"), ok "hello",
    closes = true },
  { "nothing behind a slow close", wire.get("/sleep/20", "Connection: close") .. wire.get("/smuggled"),
    ok "slept",
    closes = true },
  { "nothing behind HTTP/1.0", "GET / HTTP/1.0\r\n\r\n" .. wire.get("/smuggled"), ok "hello", closes = true },
  { "nothing bad behind a close", wire.get("/", "Connection: close") .. BAD, ok "hello", closes = true },
  { "nothing of a body behind a close", wire.post("/body", "abc", "Connection: close") .. "def", ok "abc",
    closes = true },
}
