--- The chunked coding (RFC 9112 7.1): sizes, data, extensions, trailers.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, ok = case.either, case.ok
local cases = {}

local function many(count)
  return ("1\r\nx\r\n"):rep(count) .. "0\r\n\r\n"
end

case.each(cases, {
  -- sizes and data
  { "one chunk", "5\r\nhello\r\n0\r\n\r\n", ok "hello" },
  { "two chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", ok "hello" },
  { "no chunk", "0\r\n\r\n", ok "" },
  { "a hundred chunks of one byte", many(100), ok(("x"):rep(100)) },
  { "a size in lower-case hex", "a\r\n0123456789\r\n0\r\n\r\n", ok "0123456789" },
  { "a size in upper-case hex", "A\r\n0123456789\r\n0\r\n\r\n", ok "0123456789" },
  { "a size of two digits", "10\r\n0123456789abcdef\r\n0\r\n\r\n", ok "0123456789abcdef" },
  { "zeros in front of a size", "0005\r\nhello\r\n0\r\n\r\n", ok "hello" },
  { "several zeros at the end", "5\r\nhello\r\n000\r\n\r\n", ok "hello" },
  { "CRLF inside the data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", ok "\r\n\r\n" },
  { "NUL inside the data", "3\r\na\0b\r\n0\r\n\r\n", ok "a\0b" },
  { "the end of a body inside the data", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", ok "0\r\n\r\n" },
  { "no size", "\r\nhello\r\n0\r\n\r\n", 400 },
  { "a letter that is no hex", "g\r\nhello\r\n0\r\n\r\n", 400 },
  { "a letter behind the size", "5g\r\nhello\r\n0\r\n\r\n", 400 },
  { "a hex prefix", "0x5\r\nhello\r\n0\r\n\r\n", 400 },
  { "a minus sign", "-5\r\nhello\r\n0\r\n\r\n", 400 },
  { "a plus sign", "+5\r\nhello\r\n0\r\n\r\n", 400 },
  { "an underscore", "0_5\r\nhello\r\n0\r\n\r\n", 400 },
  { "a decimal point", "5.0\r\nhello\r\n0\r\n\r\n", 400 },
  { "a comma", "5,\r\nhello\r\n0\r\n\r\n", 400 },
  { "quotes", "\"5\"\r\nhello\r\n0\r\n\r\n", 400 },
  { "a space before the size", " 5\r\nhello\r\n0\r\n\r\n", 400 },
  { "a tab before the size", "\t5\r\nhello\r\n0\r\n\r\n", 400 },
  { "a space behind the size", "5 \r\nhello\r\n0\r\n\r\n", either(200, 400), either_end = true },
  { "a tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n", either(200, 400), either_end = true },
  { "two sizes", "5 5\r\nhello\r\n0\r\n\r\n", 400 },
  { "a NUL behind the size", "5\0\r\nhello\r\n0\r\n\r\n", 400 },
  { "sixteen digits of size", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", either(400, 413) },
  { "2^63", "8000000000000000\r\nhello\r\n0\r\n\r\n", either(400, 413) },
  { "2^64 and more", "10000000000000005\r\nhello\r\n0\r\n\r\n", either(400, 413) },
  { "2^32 and more", "100000005\r\nhello\r\n0\r\n\r\n", 413 },
  { "a hundred digits of size", ("f"):rep(100) .. "\r\nhello\r\n0\r\n\r\n", either(400, 413) },
  { "sizes that overflow in their sum", "5\r\nhello\r\nfffffffffffffffb\r\nx", either(400, 413) },
  { "data longer than the size", "4\r\nhello\r\n0\r\n\r\n", 400 },
  { "data shorter than the size", "6\r\nhello\r\n0\r\n\r\n", 400 },
  { "no CRLF behind the data", "5\r\nhello0\r\n\r\n", 400 },
  { "LF alone behind the data", "5\r\nhello\n0\r\n\r\n", 400 },
  { "CR alone behind the data", "5\r\nhello\r0\r\n\r\n", 400 },
  { "two bytes behind the data that are not CRLF", "5\r\nhelloXX0\r\n\r\n", 400 },
  { "two CRLFs behind the data", "5\r\nhello\r\n\r\n0\r\n\r\n", 400 },
  { "LF alone behind the size", "5\nhello\r\n0\r\n\r\n", 400 },
  { "CR alone behind the size", "5\rhello\r\n0\r\n\r\n", 400 },
  { "two CRs behind the size", "5\r\r\nhello\r\n0\r\n\r\n", 400 },
  { "LF alone behind the last size", "5\r\nhello\r\n0\n\r\n", 400 },
  { "LF alone everywhere", "5\nhello\n0\n\n", 400 },
  { "a final line that ends in LF", "5\r\nhello\r\n0\r\n\n", 400 },
  { "a final line with a space", "5\r\nhello\r\n0\r\n \r\n", 400 },
  { "a final CR and another byte", "5\r\nhello\r\n0\r\n\rX", 400 },
  { "no chunked form at all", "hello, this is text\r\n\r\n", 400 },
  -- extensions
  { "an extension", "5;a=b\r\nhello\r\n0\r\n\r\n", ok "hello" },
  { "an extension without a value", "5;a\r\nhello\r\n0\r\n\r\n", ok "hello" },
  { "two extensions", "5;a=b;c=d\r\nhello\r\n0\r\n\r\n", ok "hello" },
  { "a quoted extension", "5;a=\"b c\"\r\nhello\r\n0\r\n\r\n", ok "hello" },
  { "an extension on the last chunk", "5\r\nhello\r\n0;a=b\r\n\r\n", ok "hello" },
  { "an extension behind spaces", "5 ; a = b\r\nhello\r\n0\r\n\r\n", either(200, 400), either_end = true },
  { "a quoted semicolon", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", either(200, 400), either_end = true },
  { "a semicolon and nothing", "5;\r\nhello\r\n0\r\n\r\n", either(200, 400), either_end = true },
  { "LF in an extension", "5;a\nhello\r\n0\r\n\r\n", 400 },
  { "LF in an extension that hides a chunk", "5;\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
  { "CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", 400 },
  { "NUL in an extension", "5;a\0b\r\nhello\r\n0\r\n\r\n", 400 },
  { "a control byte in an extension", "5;a\1b\r\nhello\r\n0\r\n\r\n", 400 },
  { "a long extension", "5;" .. ("a"):rep(20000) .. "\r\nhello\r\n0\r\n\r\n", either(400, 413, 431) },
  { "many long extensions", ("1;" .. ("a"):rep(1000) .. "\r\nx\r\n"):rep(50) .. "0\r\n\r\n",
    either(200, 400, 413, 431),
    either_end = true },
  -- trailers
  { "a trailer", "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", ok "hello" },
  { "two trailers", "5\r\nhello\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n", ok "hello" },
  { "an empty trailer", "5\r\nhello\r\n0\r\nX-T:\r\n\r\n", ok "hello" },
  { "a trailer without a body", "0\r\nX-T: 1\r\n\r\n", ok "" },
  { "a trailer that sets a length", "5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n", either(200, 400),
    either_end = true },
  { "a trailer that sets a coding", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", either(200, 400),
    either_end = true },
  { "a trailer that sets a Host", "5\r\nhello\r\n0\r\nHost: y\r\n\r\n", either(200, 400), either_end = true },
  { "a trailer that ends the connection", "5\r\nhello\r\n0\r\nConnection: close\r\n\r\n", either(200, 400),
    either_end = true },
  { "a trailer without a colon", "5\r\nhello\r\n0\r\nX-T\r\n\r\n", 400 },
  { "a trailer with a space before the colon", "5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n", 400 },
  { "a trailer with an empty name", "5\r\nhello\r\n0\r\n: 1\r\n\r\n", 400 },
  { "a trailer with a NUL", "5\r\nhello\r\n0\r\nX-T: \0\r\n\r\n", 400 },
  { "a trailer with a bad name", "5\r\nhello\r\n0\r\nX(T: 1\r\n\r\n", 400 },
  { "a trailer that ends in LF", "5\r\nhello\r\n0\r\nX-T: 1\n\r\n", 400 },
  { "a trailer with a bare CR", "5\r\nhello\r\n0\r\nX-T: 1\r2\r\n\r\n", 400 },
  { "a folded trailer", "5\r\nhello\r\n0\r\nX-T: 1\r\n 2\r\n\r\n", 400 },
  { "a request for a trailer", "5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
  { "a trailer that is too long", "5\r\nhello\r\n0\r\nX-T: " .. ("a"):rep(40000) .. "\r\n\r\n",
    either(400, 413, 431) },
  { "trailers that are too many", "5\r\nhello\r\n0\r\n" .. ("X-T: 1\r\n"):rep(200) .. "\r\n",
    either(400, 413, 431) },
}, function(chunks) return wire.chunked("/body", chunks) end)

for _, one in ipairs(cases) do
  one[1] = "chunks: " .. one[1]
end

-- a trailer must not become a header
cases[#cases + 1] = { "a trailer is no header",
  (wire.chunked("/header/x-a", "0\r\nX-A: trailer\r\n\r\n"):gsub("^POST", "GET")),
  ok "none" }
cases[#cases + 1] = { "a trailer that was announced",
  wire.chunked("/body", "1\r\nx\r\n0\r\nX-T: 1\r\n\r\n", "Trailer: X-T"),
  ok "x" }

-- the client ends its side before the body's end
case.each(cases, {
  { "chunks that end behind a chunk", "5\r\nhello\r\n", case.nothing_or(400, 408) },
  { "chunks that end inside the data", "5\r\nhel", case.nothing_or(400, 408) },
  { "chunks that end inside a size", "1", case.nothing_or(400, 408) },
  { "chunks that end before the last CRLF", "5\r\nhello\r\n0\r\n", case.nothing_or(400, 408) },
  { "chunks that end inside a trailer", "5\r\nhello\r\n0\r\nX-T", case.nothing_or(400, 408) },
  { "chunks that never begin", "", case.nothing_or(400, 408) },
}, function(chunks) return wire.chunked("/body", chunks) end, { half_close = true })

return cases
