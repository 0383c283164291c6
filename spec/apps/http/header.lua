--- Header fields (RFC 9110 5, RFC 9112 5): their syntax, line ends, folding.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, ok = case.either, case.ok
local cases = {}

-- one header line; the handler answers with the value of x-a
case.each(cases, {
  { "a value", "X-A: b", ok "b" },
  { "no space behind the colon", "X-A:b", ok "b" },
  { "several spaces behind the colon", "X-A:    b", ok "b" },
  { "a tab behind the colon", "X-A:\tb", ok "b" },
  { "spaces behind the value", "X-A: b   ", ok "b" },
  { "a tab behind the value", "X-A: b\t", ok "b" },
  { "spaces and tabs on both sides", "X-A: \t b \t ", ok "b" },
  { "an empty value", "X-A:", ok "" },
  { "a value of spaces", "X-A:   ", ok "" },
  { "spaces inside a value", "X-A: b  c", ok "b  c" },
  { "a tab inside a value", "X-A: b\tc", ok "b\tc" },
  { "a colon in a value", "X-A: b:c", ok "b:c" },
  { "a value that begins with a colon", "X-A::b", ok ":b" },
  { "quotes in a value", "X-A: \"b, \\\"c\"", ok "\"b, \\\"c\"" },
  { "every visible character", "X-A: !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
    ok "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~" },
  { "Latin-1 in a value", "X-A: caf\233", ok "caf\233" },
  { "UTF-8 in a value", "X-A: caf\195\169", ok "caf\195\169" },
  { "a byte of 0xff in a value", "X-A: \255", ok "\255" },
  { "a name in lower case", "x-a: b", ok "b" },
  { "a name in capitals", "X-A: B", ok "B" },
  { "a name of every kind of token character", "!#$%&'*+-.^_`|~09AZaz: b", ok "none" },
  { "a name of one letter", "a: b", ok "none" },
  { "a name of a digit", "1: b", ok "none" },
  { "a long name", ("n"):rep(300) .. ": b", ok "none" },
  { "a long value", "X-A: " .. ("v"):rep(500), ok(("v"):rep(500)) },
  { "an underscore is no hyphen", "X_A: b", ok "none" },

  { "a space before the colon", "X-A : b", 400 },
  { "a tab before the colon", "X-A\t: b", 400 },
  { "spaces before the colon", "X-A   : b", 400 },
  { "a space inside a name", "X A: b", 400 },
  { "a tab inside a name", "X\tA: b", 400 },
  { "an empty name", ": b", 400 },
  { "an empty name and value", ":", 400 },
  { "a space for a name", " : b", 400 },
  { "no colon", "X-A", 400 },
  { "no colon but a value", "X-A b", 400 },
  { "an equals sign for the colon", "X-A=b", 400 },
  { "a parenthesis in a name", "X(A: b", 400 },
  { "a comma in a name", "X,A: b", 400 },
  { "a slash in a name", "X/A: b", 400 },
  { "a semicolon in a name", "X;A: b", 400 },
  { "an at sign in a name", "X@A: b", 400 },
  { "a quote in a name", "X\"A: b", 400 },
  { "brackets in a name", "X[A]: b", 400 },
  { "braces in a name", "X{A}: b", 400 },
  { "a backslash in a name", "X\\A: b", 400 },
  { "an angle bracket in a name", "X<A: b", 400 },
  { "a question mark in a name", "X?A: b", 400 },
  { "a NUL in a name", "X\0A: b", 400 },
  { "a control byte in a name", "X\1A: b", 400 },
  { "DEL in a name", "X\127A: b", 400 },
  { "Latin-1 in a name", "X\233A: b", 400 },
  { "UTF-8 in a name", "X\195\169A: b", 400 },
  { "a NUL in a value", "X-A: b\0c", 400 },
  { "a NUL as a value", "X-A: \0", 400 },
  { "a NUL behind the colon", "X-A:\0 b", 400 },
  { "0x01 in a value", "X-A: b\1c", 400 },
  { "backspace in a value", "X-A: b\8c", 400 },
  { "a vertical tab in a value", "X-A: b\11c", 400 },
  { "a form feed in a value", "X-A: b\12c", 400 },
  { "escape in a value", "X-A: b\27c", 400 },
  { "0x1f in a value", "X-A: b\31c", 400 },
  { "DEL in a value", "X-A: b\127c", 400 },

  { "a bare CR in a value", "X-A: b\rc", 400 },
  { "a bare CR at the end of a value", "X-A: b\r", 400 },
  { "a bare CR that hides a header", "X-A: b\rHost: y", 400 },
  { "a bare CR in a name", "X\rA: b", 400 },
  { "a bare CR before the name", "\rX-A: b", 400 },
  { "a bare LF in a value", "X-A: b\nc", 400 },
  { "a bare LF that ends a line", "X-A: b\nX-B: c", 400 },
  { "a bare LF that ends the head", "X-A: b\n\nGET /smuggled HTTP/1.1", 400 },
  { "LF CR for CRLF", "X-A: b\n\rX-B: c", 400 },
  { "a bare LF in a name", "X\nA: b", 400 },

  { "a folded line", "X-A: b\r\n c", 400 },
  { "a folded line with a tab", "X-A: b\r\n\tc", 400 },
  { "a folded empty line", "X-A: b\r\n  ", 400 },
  { "a value on the next line", "X-A:\r\n b", 400 },
  { "two folded lines", "X-A: b\r\n c\r\n d", 400 },
  { "a folded line that looks like a header", "X-A: b\r\n Content-Length: 5", 400 },
  { "a fold that hides a request", "X-A: b\r\n GET /smuggled HTTP/1.1", 400 },
}, function(line) return wire.get("/header/x-a", line) end)

-- whole heads
case.each(cases, {
  { "a space before the first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400 },
  { "a tab before the first header", "GET / HTTP/1.1\r\n\tHost: x\r\n\r\n", 400 },
  { "a line of spaces before the headers", "GET / HTTP/1.1\r\n  \r\nHost: x\r\n\r\n", 400 },
  { "the head ends in LF LF", "GET / HTTP/1.1\r\nHost: x\n\n", 400 },
  { "the head ends in CRLF LF", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400 },
  { "the head ends in LF CRLF", "GET / HTTP/1.1\r\nHost: x\n\r\n", 400 },
  { "the head ends in CR CR", "GET / HTTP/1.1\r\nHost: x\r\r", 400 },
  { "the head ends in CRLF CR and no LF", "GET / HTTP/1.1\r\nHost: x\r\n\rX", 400 },
  { "a line ends in CR CR LF", "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400 },
  { "a second request where a header should be",
    "GET / HTTP/1.1\r\nHost: x\r\nGET /smuggled HTTP/1.1\r\n\r\n", 400 },
  { "no headers at all", "GET / HTTP/1.1\r\n\r\n", 400 },
}, function(raw) return raw end)

-- several lines
case.each(cases, {
  { "a repeated header keeps its first value first", { "X-A: 1", "X-A: 2" }, 200 },
  { "a repeated header is a list", { "X-A: 1", "X-A: 2" }, ok "1, 2" },
  { "a repeated header, written differently", { "X-A: 1", "x-a: 2" }, ok "1, 2" },
  { "many headers", (function()
    local lines = {}
    for i = 1, 60 do lines[i] = "X-" .. i .. ": " .. i end
    return lines
  end)(), ok "none" },
  { "the headers of a browser", {
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br", "DNT: 1", "Upgrade-Insecure-Requests: 1", "Pragma: no-cache",
    "Cookie: a=b; c=d", "If-None-Match: W/\"abc\"", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT" },
      ok "none" },
  { "Range may be ignored", { "Range: bytes=0-1" }, ok "none" },
  { "TE announces trailers", { "TE: trailers", "Connection: TE" }, ok "none" },
  { "an unknown header", { "X-Unknown: 1" }, ok "none" },
  { "a date nobody can read", { "If-Modified-Since: yesterday" }, ok "none" },
  { "a long list in Connection", { "Connection: a, b, c, d, e, f, keep-alive" }, ok "none" },
  { "an empty Connection", { "Connection:" }, ok "none" },
  { "Max-Forwards", { "Max-Forwards: 0" }, ok "none" },
  { "an Expect that nobody knows", { "Expect: 200-ok" }, 417, either_end = true },
  { "Content-Length in a header of another name", { "X-Content-Length: 10" }, ok "none" },
  { "Transfer-Encoding in a header of another name", { "X-Transfer-Encoding: chunked" }, ok "none" },
}, function(lines) return wire.get("/header/x-a", unpack(lines)) end)

cases[#cases + 1] = { "Content-Type without a body", wire.get("/", "Content-Type: application/json"),
  ok "hello" }
cases[#cases + 1] = { "a header of the longest kind in HTTP/1.0",
  "GET /header/x-a HTTP/1.0\r\nX-A: " .. ("v"):rep(16000) .. "\r\n\r\n", either(200), closes = true }

return cases
