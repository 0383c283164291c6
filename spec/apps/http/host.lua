--- Host (RFC 9112 3.2, RFC 9110 7.2): exactly one, and a valid one.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local either, head, ok = case.either, case.head, case.ok
local cases = {}

-- the value of the one Host header
case.each(cases, {
  { "a name", "example.com", 200 },
  { "a name and a port", "example.com:8080", 200 },
  { "an empty port", "example.com:", 200 },
  { "an address", "127.0.0.1", 200 },
  { "an address and a port", "127.0.0.1:80", 200 },
  { "an IPv6 address", "[::1]", 200 },
  { "an IPv6 address and a port", "[2001:db8::1]:8080", 200 },
  { "an IPv6 address with an IPv4 tail", "[::ffff:127.0.0.1]", 200 },
  { "capital letters", "EXAMPLE.Com", 200 },
  { "a dot at the end", "example.com.", 200 },
  { "an underscore", "my_host", 200 },
  { "a hyphen", "a-b", 200 },
  { "one letter", "x", 200 },
  { "an escape", "a%20b", either(200, 400), either_end = true },
  { "spaces around", "  example.com  ", 200 },
  { "tabs around", "\texample.com\t", 200 },
  { "nothing", "", either(200, 400), either_end = true },
  { "a comma", "a,b", either(200, 400), either_end = true },
  { "a port that is too high", "x:99999", either(200, 400), either_end = true },
  { "a space inside", "a b", 400 },
  { "a tab inside", "a\tb", 400 },
  { "a slash", "a/b", 400 },
  { "a backslash", "a\\b", 400 },
  { "a user", "user@example.com", 400 },
  { "a question mark", "a?b", 400 },
  { "a hash", "a#b", 400 },
  { "angle brackets", "<a>", 400 },
  { "a quote", "\"a\"", 400 },
  { "braces", "{a}", 400 },
  { "a caret", "a^b", 400 },
  { "a bar", "a|b", 400 },
  { "a grave accent", "a`b", 400 },
  { "a scheme", "http://example.com", 400 },
  { "a port that is no number", "x:http", 400 },
  { "a negative port", "x:-1", 400 },
  { "a port with a sign", "x:+80", 400 },
  { "a space before the port", "x: 80", 400 },
  { "two ports", "x:80:81", 400 },
  { "a port and no name", ":80", either(200, 400), either_end = true },
  { "an IPv6 address without brackets", "2001:db8::1", 400 },
  { "an open bracket", "[::1", 400 },
  { "a closing bracket", "::1]", 400 },
  { "empty brackets", "[]", 400 },
  { "no address in the brackets", "[xyz]", 400 },
  { "something behind the brackets", "[::1]x", 400 },
  { "something before the brackets", "x[::1]", 400 },
  { "a bad port behind the brackets", "[::1]:a", 400 },
  { "a bad escape", "%zz", 400 },
  { "UTF-8", "ex\195\164mple.com", 400 },
  { "a control byte", "a\1b", 400 },
  { "a NUL", "a\0b", 400 },
  { "a very long name", ("a"):rep(300) .. ".com", either(200, 400), either_end = true },
}, function(value) return wire.request{ "GET / HTTP/1.1", "Host: " .. value } end)

for _, one in ipairs(cases) do
  one[1] = "Host of " .. one[1]
end

-- all the header lines
case.each(cases, {
  { "no Host", { "GET / HTTP/1.1" }, 400 },
  { "no Host, but others", { "GET / HTTP/1.1", "Accept: */*", "X-Host: x" }, 400 },
  { "no Host, to HEAD", { "HEAD / HTTP/1.1" }, head(400) },
  { "no Host, on a path nobody serves", { "GET /nowhere HTTP/1.1" }, 400 },
  { "two equal Hosts", { "GET / HTTP/1.1", "Host: x", "Host: x" }, 400 },
  { "two Hosts", { "GET / HTTP/1.1", "Host: x", "Host: y" }, 400 },
  { "two Hosts, written differently", { "GET / HTTP/1.1", "Host: x", "HOST: y" }, 400 },
  { "two Hosts with others between", { "GET / HTTP/1.1", "Host: x", "Accept: */*", "Host: y" }, 400 },
  { "a Host and an empty one", { "GET / HTTP/1.1", "Host: x", "Host:" }, 400 },
  { "Host in lower case", { "GET / HTTP/1.1", "host: x" }, ok "hello" },
  { "Host in capitals", { "GET / HTTP/1.1", "HOST: x" }, ok "hello" },
  { "Host as the last header", { "GET / HTTP/1.1", "Accept: */*", "Host: x" }, ok "hello" },
  { "Host without a space", { "GET / HTTP/1.1", "Host:x" }, ok "hello" },
  { "a space before Host's colon", { "GET / HTTP/1.1", "Host : x" }, 400 },
  { "a space before Host", { "GET / HTTP/1.1", " Host: x" }, 400 },
  { "Host on a folded line", { "GET / HTTP/1.1", "Host:", " x" }, 400 },
  { "a Host that goes on in a folded line", { "GET / HTTP/1.1", "Host: x", " y" }, 400 },
  { "two Hosts beside an absolute target", { "GET http://x/ HTTP/1.1", "Host: x", "Host: x" }, 400 },
  { "an invalid Host beside an absolute target", { "GET http://x/ HTTP/1.1", "Host: a b" }, 400 },
  { "HTTP/1.0 needs no Host", { "GET / HTTP/1.0" }, ok "hello", closes = true },
  { "HTTP/1.0 may have a Host", { "GET / HTTP/1.0", "Host: x" }, ok "hello", closes = true },
  { "HTTP/1.0 may not have two", { "GET / HTTP/1.0", "Host: x", "Host: y" }, 400 },
  { "HTTP/1.0 may not have an invalid one", { "GET / HTTP/1.0", "Host: a/b" }, 400 },
}, wire.request)

return cases
