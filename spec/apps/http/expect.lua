--- Expect: 100-continue (RFC 9110 10.1.1): the body is asked for when the handler wants it.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, ok = case.either, case.ok

local function head(first_line, ...)
  return wire.request{ first_line, "Host: x", ... }
end

local CONTINUE = "Expect: 100-continue"

return {
  { "the handler wants the body: 100, then the answer",
    { head("POST /body HTTP/1.1", "Content-Length: 5", CONTINUE), 100, "hello" }, ok "hello" },
  { "100 comes once, however the body arrives",
    { head("POST /body HTTP/1.1", "Content-Length: 5", CONTINUE), 100, "he", "l", "lo" }, ok "hello" },
  { "100 for a chunked body",
    { head("POST /body HTTP/1.1", "Transfer-Encoding: chunked", CONTINUE), 100, "5\r\nhello\r\n0\r\n\r\n" },
      ok "hello" },
  { "100 for PUT", { head("PUT /item HTTP/1.1", "Content-Length: 1", CONTINUE), 100, "a" }, ok "put a" },
  { "the expectation in capitals",
    { head("POST /body HTTP/1.1", "Content-Length: 1", "Expect: 100-CONTINUE"), 100, "a" }, ok "a" },
  { "the header in lower case",
    { head("POST /body HTTP/1.1", "Content-Length: 1", "expect: 100-continue"), 100, "a" }, ok "a" },
  { "the next request is answered behind it",
    { head("POST /body HTTP/1.1", "Content-Length: 1", CONTINUE), 100, "a", ok "a", wire.get("/") },
      ok "hello" },
  { "the handler wants no body: no 100", { head("POST /ignore HTTP/1.1", "Content-Length: 5", CONTINUE) },
    ok "ignored", either_end = true },
  { "a path nobody serves: no 100", { head("POST /nowhere HTTP/1.1", "Content-Length: 5", CONTINUE) },
    404, either_end = true },
  { "a method not allowed: no 100", { head("POST /table HTTP/1.1", "Content-Length: 5", CONTINUE) },
    405, either_end = true },
  { "a body too long: no 100", { head("POST /body HTTP/1.1", "Content-Length: 99999999", CONTINUE) }, 413 },
  { "a bad length: no 100", { head("POST /body HTTP/1.1", "Content-Length: x", CONTINUE) }, 400 },
  { "an unknown coding: no 100", { head("POST /body HTTP/1.1", "Transfer-Encoding: gzip", CONTINUE) },
    either(400, 501) },
  { "a length and a coding: no 100",
    { head("POST /body HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 5", CONTINUE) }, 400 },
  { "no Host: no 100", { "POST /body HTTP/1.1\r\nContent-Length: 5\r\n" .. CONTINUE .. "\r\n\r\n" }, 400 },
  { "a body that comes at once", head("POST /body HTTP/1.1", "Content-Length: 5", CONTINUE) .. "hello",
    ok "hello" },
  { "no body announced", { head("GET / HTTP/1.1", CONTINUE) }, ok "hello" },
  { "a body of zero bytes", { head("POST /body HTTP/1.1", "Content-Length: 0", CONTINUE) }, ok "" },
  { "HTTP/1.0 cannot expect it",
    "POST /body HTTP/1.0\r\nContent-Length: 5\r\n" .. CONTINUE .. "\r\n\r\nhello",
    ok "hello", closes = true },
  { "HTTP/1.0 gets no 100, also when it waits",
    { "POST /body HTTP/1.0\r\nContent-Length: 5\r\n" .. CONTINUE .. "\r\n\r\n", "hello" }, ok "hello",
      closes = true },
  { "pipelined behind a good request", { wire.get("/") .. head("POST /body HTTP/1.1", "Content-Length: 1",
    CONTINUE),
    ok "hello", 100, "a" }, ok "a" },
  { "an expectation nobody knows", head("GET / HTTP/1.1", "Expect: x"), 417, either_end = true },
  { "an expectation nobody knows, with a body",
    { head("POST /body HTTP/1.1", "Content-Length: 5", "Expect: x") },
    417, either_end = true },
  { "100-continue and another", { head("POST /body HTTP/1.1", "Content-Length: 5",
    "Expect: 100-continue, x") },
    417, either_end = true },
  { "an expectation that begins so", { head("POST /body HTTP/1.1", "Content-Length: 5",
    "Expect: 100-continued") },
    417, either_end = true },
  { "100-continue and close", { head("POST /body HTTP/1.1", "Content-Length: 1", CONTINUE,
    "Connection: close"), 100, "a" },
    ok "a", closes = true },
}
