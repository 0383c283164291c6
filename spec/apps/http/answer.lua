--- Answers (RFC 9110 6, 8, 9.3.2, 15): bodies and lengths, HEAD, 204, 304, errors, what handlers may return.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local head, ok = case.head, case.ok
local cases = {}


-- answers to GET
case.each(cases, {
  { "a string is text", "/", { status = 200, body = "hello", headers = { ["content-type"] = "~^text/plain",
    ["content-length"] = "5" }, without = { "transfer-encoding" } } },
  { "a table is JSON", "/table", { status = 200, body = '{"name":"rille"}', headers = {
    ["content-type"] = "~^application/json", ["content-length"] = "16" } } },
  { "a list is JSON", "/list", { status = 200, body = "[1,2,3]",
    headers = { ["content-type"] = "~^application/json" } } },
  { "nothing is 204", "/nothing", { status = 204,
    without = { "content-length", "transfer-encoding", "content-type" } } },
  { "an empty string is an empty body", "/empty",
    { status = 200, body = "", headers = { ["content-length"] = "0" } } },
  { "304 keeps its headers", "/not-modified",
    { status = 304, headers = { etag = '"1"' }, without = { "transfer-encoding" } } },
  { "a header the handler set", "/set-header",
    { status = 200, body = "set", headers = { ["x-one"] = "1" } } },
  { "Date on a plain answer", "/", { status = 200, headers = { date = "~GMT$" } } },
  { "Date on 204", "/nothing", { status = 204, headers = { date = "~GMT$" } } },
  { "Date on 404", "/nowhere", { status = 404, headers = { date = "~GMT$" } } },
  { "no Connection on a kept connection", "/", { status = 200, without = { "keep-alive" } } },
  { "a failure is JSON", "/fail/404", { status = 404,
    headers = { ["content-type"] = "~^application/json" } } },
  { "a failure says why", "/fail/409", { status = 409, text = '"message":"as asked"' } },
  { "a failure of 418", "/fail/418", 418 },
  { "a failure of 429", "/fail/429", 429 },
  { "a failure of 503", "/fail/503", 503 },
  { "404 is JSON", "/nowhere", { status = 404, headers = { ["content-type"] = "~^application/json" } } },
  { "a fault is 500", "/fault", 500 },
  { "a fault keeps its secrets", "/fault", { status = 500, no_text = "kept inside the log" } },
  { "a lone nil is a fault", "/nil", 500 },
  { "an impossible status is a fault", "/bad-status", 500 },
  { "CRLF in a header is a fault", "/split-header", { status = 500, without = { "x-bad", "x-evil" } } },
  { "LF in a returned header is a fault", "/split-result",
    { status = 500, without = { "x-bad", "x-evil" } } },
  { "a megabyte", "/big", { status = 200, body = ("0123456789abcdef"):rep(65536),
    headers = { ["content-length"] = "1048576" } }, alone = true },
}, wire.get)

-- answers to HEAD: as GET's, without the body
case.each(cases, {
  { "HEAD of text", "/", head(200, { ["content-length"] = "5", ["content-type"] = "~^text/plain" }) },
  { "HEAD of JSON", "/table", head(200, { ["content-length"] = "16",
    ["content-type"] = "~^application/json" }) },
  { "HEAD of a megabyte", "/big", head(200, { ["content-length"] = "1048576" }) },
  { "HEAD of an empty string", "/empty", head(200, { ["content-length"] = "0" }) },
  { "HEAD of nothing", "/nothing", head(204) },
  { "HEAD of 304", "/not-modified", head(304, { etag = '"1"' }) },
  { "HEAD of a path nobody serves", "/nowhere", head(404, { ["content-type"] = "~^application/json" }) },
  { "HEAD of a failure", "/fail/409", head(409) },
  { "HEAD of a fault", "/fault", head(500) },
  { "HEAD of a header the handler set", "/set-header", head(200, { ["x-one"] = "1" }) },
  { "HEAD of a slow answer", "/sleep/10", head(200) },
}, function(target) return "HEAD " .. target .. " HTTP/1.1\r\nHost: x\r\n\r\n" end)

-- refusals are answers too
case.each(cases, {
  { "400 is JSON", "GET / HTTP/1.1\r\n\r\n",
    { status = 400, headers = { ["content-type"] = "~^application/json",
    connection = "close", date = "~GMT$" } } },
  { "413 is JSON", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
    { status = 413, headers = {
    ["content-type"] = "~^application/json", connection = "close" } } },
  { "414 is JSON", "GET /" .. ("a"):rep(10000) .. " HTTP/1.1\r\nHost: x\r\n\r\n", { status = 414, headers = {
    ["content-type"] = "~^application/json", connection = "close" } } },
  { "431 is JSON", "GET / HTTP/1.1\r\nHost: x\r\nX-A: " .. ("a"):rep(40000) .. "\r\n\r\n",
    { status = 431, headers = {
    ["content-type"] = "~^application/json", connection = "close" } } },
  { "501 is JSON", "FOO / HTTP/1.1\r\nHost: x\r\n\r\n", { status = 501, headers = {
    ["content-type"] = "~^application/json", connection = "close" } } },
  { "505 is JSON", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", { status = 505, headers = {
    ["content-type"] = "~^application/json", connection = "close" } } },
  { "a refusal does not repeat what was sent", "GET / HTTP/1.1\r\nHost: x\r\n<script> : 1\r\n\r\n",
    { status = 400, no_text = "<script>" } },
  { "404 does not repeat the path as HTML", wire.get("/<script>"),
    { status = { 400, 404 }, no_text = "<script>" } },
  { "201 with a Location", wire.post("/created", ""), { status = 201, body = '{"id":1}',
    headers = { location = "/created/1" } } },
  { "201 to HTTP/1.0", "POST /created HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
    { status = 201, body = '{"id":1}' },
    closes = true },
  { "204 to HTTP/1.0 that stays open", "GET /nothing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 204 },
  { "a status line of 1.1 to HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", ok "hello", closes = true },
}, function(raw) return raw end)

return cases
