--- Transfer-Encoding (RFC 9112 6.1, 6.3, 7): chunked alone, and nothing that two readers read differently.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, ok = case.either, case.ok
local cases = {}

local BODY = "5\r\nhello\r\n0\r\n\r\n"

local function with_lines(lines)
  return wire.request{ body = BODY, "POST /body HTTP/1.1", "Host: x", unpack(lines) }
end

-- the value of the one header; whatever is not chunked is refused, as a bad request or as not implemented
case.each(cases, {
  { "chunked", "chunked", ok "hello" },
  { "capitals", "CHUNKED", ok "hello" },
  { "mixed case", "cHuNkEd", ok "hello" },
  { "spaces around", "  chunked  ", ok "hello" },
  { "tabs around", "\tchunked\t", ok "hello" },
  { "chunked twice", "chunked, chunked", 400 },
  { "chunked not last", "chunked, gzip", either(400, 501) },
  { "chunked and identity", "chunked, identity", either(400, 501) },
  { "gzip and chunked", "gzip, chunked", 501 },
  { "deflate and chunked", "deflate, chunked", 501 },
  { "identity and chunked", "identity, chunked", either(400, 501) },
  { "an unknown coding and chunked", "foo, chunked", 501 },
  { "gzip", "gzip", either(400, 501) },
  { "compress", "compress", either(400, 501) },
  { "identity", "identity", either(400, 501) },
  { "an unknown coding", "foo", either(400, 501) },
  { "nothing", "", either(400, 501) },
  { "a comma behind", "chunked,", either(400, 501) },
  { "a comma before", ",chunked", either(400, 501) },
  { "a comma alone", ",", either(400, 501) },
  { "a word that begins so", "chunkedx", either(400, 501) },
  { "a word that ends so", "xchunked", either(400, 501) },
  { "a letter short", "chunke", either(400, 501) },
  { "quotes", "\"chunked\"", either(400, 501) },
  { "single quotes", "'chunked'", either(400, 501) },
  { "a parameter", "chunked;q=1", either(400, 501) },
  { "a semicolon behind", "chunked;", either(400, 501) },
  { "a colon before", ": chunked", either(400, 501) },
  { "a space inside", "chun ked", either(400, 501) },
  { "two words", "chunked chunked", either(400, 501) },
  { "a word behind", "chunked x", either(400, 501) },
  { "a vertical tab before", "\11chunked", 400 },
  { "a form feed before", "\12chunked", 400 },
  { "a NUL behind", "chunked\0", 400 },
  { "a bare CR behind", "chunked\r", 400 },
  { "a no-break space before", "\160chunked", either(400, 501) },
  { "a long s for nothing", "\197\191chunked", either(400, 501) },
  { "a fold before", "\r\n chunked", 400 },
  { "a fold with a tab before", "\r\n\tchunked", 400 },
  { "a fold behind", "chunked\r\n ", 400 },
  { "a fold in a list", "gzip,\r\n chunked", either(400, 501) },
}, function(value) return with_lines{ "Transfer-Encoding: " .. value } end)

for _, one in ipairs(cases) do
  one[1] = "Transfer-Encoding of " .. one[1]
end

-- all the framing lines
case.each(cases, {
  { "Transfer-Encoding in lower case", { "transfer-encoding: chunked" }, ok "hello" },
  { "Transfer-Encoding without a space", { "Transfer-Encoding:chunked" }, ok "hello" },
  { "Transfer-Encoding and a space before the colon", { "Transfer-Encoding : chunked" }, 400 },
  { "Transfer-Encoding and a tab before the colon", { "Transfer-Encoding\t: chunked" }, 400 },
  { "Transfer-Encoding with a space before it", { " Transfer-Encoding: chunked" }, 400 },
  { "Transfer-Encoding behind a folded line", { "X-A: b", " Transfer-Encoding: chunked" }, 400 },
  { "Transfer-Encoding behind a bare LF", { "X-A: b\nTransfer-Encoding: chunked" }, 400 },
  { "Transfer-Encoding behind a bare CR", { "X-A: b\rTransfer-Encoding: chunked" }, 400 },
  { "Transfer-Encoding with a NUL in its name", { "Transfer\0-Encoding: chunked" }, 400 },
  { "chunked twice in two lines", { "Transfer-Encoding: chunked", "Transfer-Encoding: chunked" }, 400 },
  { "chunked, then identity", { "Transfer-Encoding: chunked", "Transfer-Encoding: identity" },
    either(400, 501) },
  { "identity, then chunked", { "Transfer-Encoding: identity", "Transfer-Encoding: chunked" },
    either(400, 501) },
  { "chunked, then an unknown coding", { "Transfer-Encoding: chunked", "Transfer-Encoding: cow" },
    either(400, 501) },
  { "gzip, then chunked", { "Transfer-Encoding: gzip", "Transfer-Encoding: chunked" }, either(400, 501) },
  { "chunked, then nothing", { "Transfer-Encoding: chunked", "Transfer-Encoding:" }, either(400, 501) },
  { "nothing, then chunked", { "Transfer-Encoding:", "Transfer-Encoding: chunked" }, either(400, 501) },
  { "chunked and a length", { "Transfer-Encoding: chunked", "Content-Length: 5" }, 400 },
  { "a length and chunked", { "Content-Length: 5", "Transfer-Encoding: chunked" }, 400 },
  { "a length and chunked, others between", { "Content-Length: 5", "X-A: b", "Transfer-Encoding: chunked" },
    400 },
  { "chunked and the right length", { "Transfer-Encoding: chunked", "Content-Length: " .. #BODY }, 400 },
  { "chunked and a length of zero", { "Transfer-Encoding: chunked", "Content-Length: 0" }, 400 },
  { "a length of zero and chunked", { "Content-Length: 0", "Transfer-Encoding: chunked" }, 400 },
  { "chunked and an empty length", { "Transfer-Encoding: chunked", "Content-Length:" }, 400 },
  { "chunked and a bad length", { "Transfer-Encoding: chunked", "Content-Length: x" }, 400 },
  { "chunked and two lengths", { "Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 5" },
    400 },
  { "chunked in capitals and a length", { "Transfer-Encoding: CHUNKED", "Content-Length: 5" }, 400 },
  { "identity and a length", { "Transfer-Encoding: identity", "Content-Length: 5" }, either(400, 501) },
  { "an unknown coding and a length", { "Transfer-Encoding: foo", "Content-Length: 5" }, either(400, 501) },
  { "an empty coding and a length", { "Transfer-Encoding:", "Content-Length: 5" }, either(400, 501) },
  { "chunked that Connection names", { "Transfer-Encoding: chunked", "Connection: Transfer-Encoding" },
    either(200, 400), either_end = true },
}, with_lines)

-- whole requests
case.each(cases, {
  { "chunked in HTTP/1.0", "POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" .. BODY, 400 },
  { "chunked in HTTP/1.0 that stays open",
    "POST /body HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" .. BODY, 400 },
  { "chunked and a length in HTTP/1.0",
    "POST /body HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" .. BODY, 400 },
  { "the classic of TE and CL",
    "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    .. "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
  { "the classic of CL and TE",
    "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
    .. "2c\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n\r\n0\r\n\r\n", 400 },
  { "a hidden coding is another header", "POST /body HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\n"
    .. "Content-Length: 5\r\n\r\nhello", ok "hello" },
  { "a request inside chunks", wire.chunked("/body", ("%x\r\n%s\r\n0\r\n\r\n"):format(#wire.get("/smuggled"),
    wire.get("/smuggled"))), ok(wire.get("/smuggled")) },
  { "chunked in GET", (wire.chunked("/", BODY):gsub("^POST", "GET")), ok "hello" },
  { "chunked in GET that the handler reads", (wire.chunked("/body", BODY):gsub("^POST", "GET")), ok "hello" },
  { "chunked in HEAD", (wire.chunked("/", BODY):gsub("^POST", "HEAD")), case.head(200) },
  { "chunked in PUT", (wire.chunked("/item", BODY):gsub("^POST", "PUT")), ok "put hello" },
  { "chunked in DELETE", (wire.chunked("/item", BODY):gsub("^POST", "DELETE")), ok "deleted",
    either_end = true },
  { "chunks that nobody reads", wire.chunked("/ignore", BODY), ok "ignored", either_end = true },
  { "chunks for a path nobody serves", wire.chunked("/nowhere", BODY), 404, either_end = true },
  { "chunks for a method not allowed", wire.chunked("/table", BODY), 405, either_end = true },
}, function(raw) return raw end)

return cases
