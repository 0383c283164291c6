--- Methods (RFC 9110 9): which are known, what is no token, whom a path allows.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, head, ok = case.either, case.head, case.ok
local cases = {}

local function on(target)
  return function(method) return wire.request{ method .. " " .. target .. " HTTP/1.1", "Host: x" } end
end

case.each(cases, {
  { "GET is told to the handler", "GET", ok "GET" },
  { "POST is told to the handler", "POST", either(200, 411), either_end = true },
  { "PUT is told to the handler", "PUT", either(200, 411), either_end = true },
  { "PATCH is told to the handler", "PATCH", either(200, 411), either_end = true },
  { "DELETE is told to the handler", "DELETE", ok "DELETE" },
  { "HEAD has no body", "HEAD", head(200) },
}, on "/method")

case.each(cases, {
  { "an unknown method", "FOO", 501 },
  { "a method is case-sensitive", "get", 501 },
  { "a mixed-case method", "Get", 501 },
  { "a method with GET in front", "GETX", 501 },
  { "a method one letter short", "GE", 501 },
  { "one letter", "G", 501 },
  { "a method of every kind of token character", "!#$%&'*+-.^_`|~09AZaz", 501 },
  { "a method with a hyphen", "M-SEARCH", 501 },
  { "a method of WebDAV", "PROPFIND", 501 },
  { "LINK", "LINK", 501 },
  { "PURGE", "PURGE", 501 },
  { "SOURCE", "SOURCE", 501 },
  { "QUERY", "QUERY", 501 },
  { "DESCRIBE of RTSP", "DESCRIBE", 501 },
  { "TRACE is never honoured", "TRACE", 501 },
  { "a long token", ("A"):rep(200), 501 },
  { "a parenthesis in the method", "G(T", 400 },
  { "a comma in the method", "GET,", 400 },
  { "a slash in the method", "GE/T", 400 },
  { "a colon in the method", "GET:", 400 },
  { "an at sign in the method", "G@T", 400 },
  { "a quote in the method", "\"GET\"", 400 },
  { "brackets in the method", "[GET]", 400 },
  { "braces in the method", "{GET}", 400 },
  { "an equals sign in the method", "GET=", 400 },
  { "a backslash in the method", "GE\\T", 400 },
  { "a NUL in the method", "GE\0T", 400 },
  { "a control byte in the method", "GE\1T", 400 },
  { "DEL in the method", "GE\127T", 400 },
  { "UTF-8 in the method", "G\195\137T", 400 },
  { "an empty method", "", 400 },
}, on "/")

case.each(cases, {
  { "a method longer than a request line", ("A"):rep(9000), either(400, 414, 501) },
}, on "/")

case.each(cases, {
  { "CONNECT is never honoured", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501 },
  { "CONNECT without a port", "CONNECT example.com HTTP/1.1\r\nHost: example.com\r\n\r\n", either(400, 501) },
  { "CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", either(400, 501) },
  { "TRACE with a body", "TRACE / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", either(400, 501) },
  { "TRACE does not mirror secrets", "TRACE /method HTTP/1.1\r\nHost: x\r\nCookie: secret\r\n\r\n", 501 },
  { "an override header is ignored", wire.get("/method", "X-HTTP-Method-Override: DELETE"), ok "GET" },
}, function(raw) return raw end)

-- what a path allows
case.each(cases, {
  { "405 names what is allowed", "POST /table", { status = 405, headers = { allow = "~GET" } } },
  { "HEAD is allowed where GET is", "POST /table", { status = 405, headers = { allow = "~HEAD" } } },
  { "405 to DELETE", "DELETE /table", 405 },
  { "405 to GET of a path that takes POST", "GET /created", { status = 405, headers = { allow = "~POST" } } },
  { "405 to HEAD of a path that takes POST", "HEAD /created", head(405, { allow = "~POST" }) },
  { "405 lists every method", "POST /item",
    { status = 405, headers = { allow = "~GET" } } },
  { "405 lists PUT", "POST /item", { status = 405, headers = { allow = "~PUT" } } },
  { "405 lists PATCH", "POST /item", { status = 405, headers = { allow = "~PATCH" } } },
  { "405 lists DELETE", "POST /item", { status = 405, headers = { allow = "~DELETE" } } },
  { "405 behind a parameter", "PUT /echo/x", { status = 405, headers = { allow = "~GET" } } },
  { "404 comes before 405", "POST /nowhere", { status = 404, without = { "allow" } } },
  { "DELETE where it is allowed", "DELETE /item", ok "deleted" },
  { "OPTIONS names what is allowed", "OPTIONS /item",
    { status = { 200, 204 }, headers = { allow = "~DELETE" } } },
  { "OPTIONS allows OPTIONS", "OPTIONS /table", { status = { 200, 204 }, headers = { allow = "~OPTIONS" } } },
  { "OPTIONS of a path nobody serves", "OPTIONS /nowhere", 404 },
  { "OPTIONS of the server", "OPTIONS *", { status = { 200, 204 }, headers = { allow = "~GET" } } },
  { "the asterisk is for OPTIONS alone", "GET *", 400 },
  { "the asterisk is not for HEAD", "HEAD *", head(400) },
  { "the asterisk is not for POST", "POST *", 400 },
  { "OPTIONS with an asterisk and more", "OPTIONS *x", 400 },
  { "OPTIONS of an absolute target", "OPTIONS http://x/item",
    { status = { 200, 204 }, headers = { allow = "~PUT" } } },
}, function(line) return wire.request{ line .. " HTTP/1.1", "Host: x", "Content-Length: 0" } end)

return cases
