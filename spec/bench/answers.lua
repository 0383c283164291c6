-- wrk: asks one of the routes below, checks every answer, and prints
-- `answers wrong seconds p50 p99 p99.9` (times in microseconds).
--
--     wrk … -s spec/bench/answers.lua http://127.0.0.1:PORT -- NAME
--
-- What an answer must have: `is`, the whole of it; `has`, texts in any order; `count`, of the
-- text behind it; `bytes`, its length at least.
-- luacheck: globals wrk init request response done setup

local function json(bytes)
  local list, size = {}, 0
  while size < bytes do
    local number = #list + 1
    list[number] = ('{"id":%d,"name":"somebody number %d","tags":["a","b"],"active":true}'):format(number, number)
    size = size + #list[number] + 1
  end
  return "[" .. table.concat(list, ",") .. "]"
end

local function fields(count)
  local list = {}
  for i = 1, count do
    list[i] = ('"field%d":"value %d"'):format(i, i)
  end
  return "{" .. table.concat(list, ",") .. "}"
end

local routes = {
  plaintext = { path = "/plaintext", is = "Hello, World!" },
  pipelined = { path = "/plaintext", is = "Hello, World!", depth = 16 },
  json = { path = "/json", is = '{"message":"Hello, World!"}' },
  param = { path = "/users/12345/posts/678", has = { '"user":"12345"', '"post":"678"' } },
  stack = { path = "/stack", is = "10" },
  validate = { path = "/validate", body = fields(20), has = { '"fields":20' } },
  ["echo-1k"] = { path = "/echo", body = json(1000), bytes = 1000, count = { 15, '"active":true' } },
  ["echo-100k"] = { path = "/echo", body = json(100000), bytes = 100000 },
  db = { path = "/db", has = { '"id":', '"randomNumber":' } },
  queries = { path = "/queries?queries=20", count = { 20, '"randomNumber":' } },
  fortunes = { path = "/fortunes", has = { "&lt;script&gt;", "月の谷" }, count = { 8, "<tr>" } },
  list = { path = "/list", count = { 64, '"randomNumber":' } },
  models = { path = "/models", count = { 64, '"randomNumber":' } },
  updates = { path = "/updates?queries=20", count = { 20, '"randomNumber":' } },
}

local function is_right(route, body)
  if route.is and body ~= route.is then return false end
  if route.bytes and #body < route.bytes then return false end
  for _, text in ipairs(route.has or {}) do
    if not body:find(text, 1, true) then return false end
  end
  if route.count and select(2, body:gsub(route.count[2], "")) ~= route.count[1] then return false end
  return true
end

-- ---- what wrk calls -------------------------------------------------------------

local route, text
local threads = {}
wrong = 0 -- luacheck: ignore (read by done, in another state)

function setup(thread) threads[#threads + 1] = thread end

function init(args)
  route = assert(routes[args[1]], "no such route in spec/bench/answers.lua")
  local headers = { ["Content-Type"] = route.body and "application/json" }
  text = wrk.format(route.body and "POST" or "GET", route.path, headers, route.body):rep(route.depth or 1)
end

function request() return text end

function response(status, _, body)
  if status ~= 200 or not is_right(route, body) then
    wrong = wrong + 1 -- luacheck: ignore
  end
end

function done(summary, latency)
  local errors = summary.errors
  local count = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do
    count = count + thread:get "wrong"
  end
  io.write(("answers %d wrong %d seconds %.3f p50 %d p99 %d p99.9 %d\n"):format(summary.requests, count,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
