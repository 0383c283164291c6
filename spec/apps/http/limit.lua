--- Limits: 8 KB of request line, 32 KB and 100 fields of headers, here 64 KB of body.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, ok = case.either, case.ok
local cases = {}

local BODY_LIMIT = 65536 -- the server of these cases runs with --max-body 64K

local function fields(count)
  local lines = {}
  for i = 1, count do
    lines[i] = "X-" .. i .. ": " .. i
  end
  return lines
end

case.each(cases, {
  { "a target of 4 KB", "/echo/" .. ("a"):rep(4096), ok(("a"):rep(4096)) },
  { "a target of 8,000 bytes", "/" .. ("a"):rep(7999), 404 },
  { "a target of 9 KB", "/" .. ("a"):rep(9216), 414 },
  { "a target of 60 KB", "/" .. ("a"):rep(60000), 414 },
  { "a target of 300 KB", "/" .. ("a"):rep(300000), 414, alone = true },
  { "a query of 7 KB", "/query?a=" .. ("b"):rep(7168), ok(("b"):rep(7168)) },
  { "a query of 9 KB", "/query?a=" .. ("b"):rep(9216), 414 },
  { "an absolute target of 9 KB", "http://x/" .. ("b"):rep(9216), 414 },
  { "3,000 slashes", ("/"):rep(3000), 404 },
  { "1,000 segments", ("/a"):rep(1000), 404 },
  { "1,000 escapes", "/echo/" .. ("%61"):rep(1000), ok(("a"):rep(1000)) },
  { "900 query fields", "/query?" .. ("b=1&"):rep(900) .. "a=2", ok "2" },
  { "3,900 query fields", "/query?" .. ("b&"):rep(3900) .. "a=2", either(200, 400), either_end = true },
}, wire.get)

case.each(cases, {
  { "99 fields beside Host", fields(99), ok "hello" },
  { "100 fields beside Host", fields(100), 431 },
  { "150 fields beside Host", fields(150), 431 },
  { "1,000 fields", fields(1000), 431 },
  { "5,000 empty fields", (function()
    local lines = {}
    for i = 1, 5000 do lines[i] = "a:" end
    return lines
  end)(), 431 },
  { "a value of 8 KB", { "X-A: " .. ("a"):rep(8192) }, ok "hello" },
  { "a value of 20 KB", { "X-A: " .. ("a"):rep(20480) }, ok "hello" },
  { "a value of 30,000 bytes", { "X-A: " .. ("a"):rep(30000) }, ok "hello" },
  { "a value of 33 KB", { "X-A: " .. ("a"):rep(33792) }, 431 },
  { "a value of 100 KB", { "X-A: " .. ("a"):rep(102400) }, 431, alone = true },
  { "a name of 33 KB", { ("a"):rep(33792) .. ": b" }, 431 },
  { "a name of 33 KB and no colon", { ("a"):rep(33792) }, either(400, 431) },
  { "40 KB in ten fields", (function()
    local lines = {}
    for i = 1, 10 do lines[i] = "X-" .. i .. ": " .. ("a"):rep(4096) end
    return lines
  end)(), 431 },
  { "40 KB of spaces before a value", { "X-A:" .. (" "):rep(40960) .. "b" }, 431 },
  { "a cookie of 4 KB", { "Cookie: " .. ("a=b; "):rep(800) }, ok "hello" },
}, function(lines) return wire.get("/", unpack(lines)) end)

case.each(cases, {
  { "a body of the limit", wire.post("/body", ("a"):rep(BODY_LIMIT)), ok(("a"):rep(BODY_LIMIT)) },
  { "a body of the limit and one byte", wire.post("/body", ("a"):rep(BODY_LIMIT + 1)), 413 },
  { "a body above the limit that is only announced",
    "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: " .. BODY_LIMIT + 1 .. "\r\n\r\n", 413 },
  { "a body above the limit for a handler that reads none", wire.post("/ignore", ("a"):rep(BODY_LIMIT + 1)),
    { status = { 200, 413 } }, either_end = true },
  { "a body above the limit for a path nobody serves", wire.post("/nowhere", ("a"):rep(BODY_LIMIT + 1)),
    either(404, 413), either_end = true },
  { "a megabyte of body", wire.post("/body", ("a"):rep(1048576)), 413, alone = true },
  { "a chunk of the limit", wire.chunked("/body",
    ("%x\r\n%s\r\n0\r\n\r\n"):format(BODY_LIMIT, ("a"):rep(BODY_LIMIT))),
    ok(("a"):rep(BODY_LIMIT)) },
  { "a chunk above the limit", wire.chunked("/body", ("%x\r\n%s\r\n0\r\n\r\n"):format(BODY_LIMIT + 1,
    ("a"):rep(BODY_LIMIT + 1))), 413 },
  { "chunks above the limit", wire.chunked("/body",
    ("400\r\n" .. ("a"):rep(1024) .. "\r\n"):rep(80) .. "0\r\n\r\n"), 413 },
  { "a megabyte in chunks", wire.chunked("/body",
    ("400\r\n" .. ("a"):rep(1024) .. "\r\n"):rep(1024) .. "0\r\n\r\n"), 413,
    alone = true },
  { "60,000 chunks of one byte", wire.chunked("/body", ("1\r\na\r\n"):rep(60000) .. "0\r\n\r\n"),
    ok(("a"):rep(60000)),
    alone = true },
}, function(raw) return raw end)

return cases
