--- Content-Length (RFC 9110 8.6, RFC 9112 6.2, 6.3): one number, and what follows it.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, ok = case.either, case.ok
local cases = {}

local function with_lines(lines)
  return wire.request{ body = "hello", "POST /body HTTP/1.1", "Host: x", unpack(lines) }
end

-- the value, with a body of five bytes behind
case.each(cases, {
  { "a number", "5", ok "hello" },
  { "zeros in front", "0005", ok "hello" },
  { "spaces around", "  5  ", ok "hello" },
  { "tabs around", "\t5\t", ok "hello" },
  { "a plus sign", "+5", 400 },
  { "a minus sign", "-5", 400 },
  { "minus zero", "-0", 400 },
  { "nothing", "", 400 },
  { "a letter", "x", 400 },
  { "hexadecimal", "0x5", 400 },
  { "hexadecimal without a prefix", "5a", 400 },
  { "a decimal point", "5.0", 400 },
  { "an exponent", "5e0", 400 },
  { "a comma behind", "5,", 400 },
  { "a comma before", ",5", 400 },
  { "a list of equals", "5, 5", 400 },
  { "a list of equals without a space", "5,5", 400 },
  { "a list of different numbers", "5, 6", 400 },
  { "two numbers", "5 5", 400 },
  { "a semicolon", "5;", 400 },
  { "quotes", "\"5\"", 400 },
  { "an underscore", "0_5", 400 },
  { "a percent escape", "%35", 400 },
  { "a NUL behind", "5\0", 400 },
  { "a vertical tab before", "\0115", 400 },
  { "a form feed behind", "5\12", 400 },
  { "a no-break space behind", "5\160", 400 },
  { "a full-width digit", "\239\188\149", 400 },
  { "a superscript digit", "\178", 400 },
  { "a fold", "\r\n 5", 400 },
  { "infinity", "inf", 400 },
  { "not a number", "NaN", 400 },
  { "2^31", "2147483648", 413 },
  { "2^32 + 5", "4294967301", 413 },
  { "2^63", "9223372036854775808", either(400, 413) },
  { "2^64", "18446744073709551616", either(400, 413) },
  { "2^64 + 5", "18446744073709551621", either(400, 413) },
  { "a hundred digits", ("9"):rep(100), either(400, 413) },
  { "a hundred zeros and a five", ("0"):rep(100) .. "5", either(200, 400), either_end = true },
}, function(value) return with_lines{ "Content-Length: " .. value } end)

for _, one in ipairs(cases) do
  one[1] = "Content-Length of " .. one[1]
end

-- all the framing lines, with the same body
case.each(cases, {
  { "Content-Length twice, equal", { "Content-Length: 5", "Content-Length: 5" }, 400 },
  { "Content-Length twice, different", { "Content-Length: 5", "Content-Length: 6" }, 400 },
  { "Content-Length twice, the first empty", { "Content-Length:", "Content-Length: 5" }, 400 },
  { "Content-Length twice, the second empty", { "Content-Length: 5", "Content-Length:" }, 400 },
  { "Content-Length twice, zero and five", { "Content-Length: 0", "Content-Length: 5" }, 400 },
  { "Content-Length twice, others between", { "Content-Length: 5", "X-A: b", "content-length: 5" }, 400 },
  { "Content-Length in lower case", { "content-length: 5" }, ok "hello" },
  { "Content-Length in capitals", { "CONTENT-LENGTH: 5" }, ok "hello" },
  { "Content-Length without a space", { "Content-Length:5" }, ok "hello" },
  { "Content-Length and a space before the colon", { "Content-Length : 5" }, 400 },
  { "Content-Length with a space before it", { " Content-Length: 5" }, 400 },
  { "Content-Length with a NUL in its name", { "Content\0-Length: 5" }, 400 },
}, with_lines)

-- what follows the head
case.each(cases, {
  { "a body", wire.post("/body", "abc"), ok "abc" },
  { "an empty body", wire.post("/body", ""), ok "" },
  { "a body with CRLF and NUL in it", wire.post("/body", "a\r\n\r\n\0b"), ok "a\r\n\r\n\0b" },
  { "a body that looks like a request", wire.post("/body", wire.get("/smuggled")),
    ok(wire.get("/smuggled")) },
  { "a body in PUT", (wire.post("/item", "abc"):gsub("^POST", "PUT")), ok "put abc" },
  { "a body in PATCH", (wire.post("/item", "abc"):gsub("^POST", "PATCH")), ok "patched abc" },
  { "a body in DELETE", (wire.post("/item", "abc"):gsub("^POST", "DELETE")), ok "deleted" },
  { "a body in GET", (wire.post("/", "abc"):gsub("^POST", "GET")), ok "hello" },
  { "a body in GET that the handler reads", (wire.post("/body", "abc"):gsub("^POST", "GET")), ok "abc" },
  { "a body in HEAD", (wire.post("/", "abc"):gsub("^POST", "HEAD")), case.head(200) },
  { "a body in OPTIONS", (wire.post("/item", "abc"):gsub("^POST", "OPTIONS")), either(200, 204) },
  { "a body that nobody reads", wire.post("/ignore", "abc"), ok "ignored", either_end = true },
  { "a body for a path nobody serves", wire.post("/nowhere", "abc"), 404, either_end = true },
  { "a body for a method not allowed", wire.post("/table", "abc"), 405, either_end = true },
  { "a body that is a request, for a path nobody serves", wire.post("/nowhere", wire.get("/smuggled")), 404,
    either_end = true },
  { "a body that is a request, and nobody reads", wire.post("/ignore", wire.get("/smuggled")), ok "ignored",
    either_end = true },
  { "POST without a length", "POST /body HTTP/1.1\r\nHost: x\r\n\r\n", either(200, 411), either_end = true },
  { "POST of HTTP/1.0 with a length", "POST /body HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", ok "abc",
    closes = true },
  { "POST of HTTP/1.0 without a length", "POST /body HTTP/1.0\r\n\r\n", either(200, 400, 411),
    closes = true },
  { "more bytes than the length says",
    "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabcde\r\n\r\n",
    { ok "ab", 400 } },
  { "a request behind the length", wire.post("/body", "ab") .. wire.get("/"), { ok "ab", ok "hello" } },
  { "CRLF behind the body", wire.post("/body", "ab") .. "\r\n" .. wire.get("/"), { ok "ab", ok "hello" } },
  { "a length in GET that hides the next request", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: "
    .. #wire.get("/smuggled") .. "\r\n\r\n" .. wire.get("/smuggled"), ok "hello" },
  { "a body in JSON", wire.post("/json", '{"a":1}', "Content-Type: application/json"), ok '{"got":{"a":1}}' },
  { "a body in JSON with a charset", wire.post("/json", "[1]",
    "Content-Type: application/json; charset=utf-8"),
    ok '{"got":[1]}' },
  { "JSON that is cut", wire.post("/json", '{"a":', "Content-Type: application/json"), 400, stays = true },
  { "JSON that is empty", wire.post("/json", "", "Content-Type: application/json"), 400, stays = true },
  { "a form where JSON is wanted", wire.post("/json", "a=1",
    "Content-Type: application/x-www-form-urlencoded"), 415 },
}, function(raw) return raw end)

return cases
