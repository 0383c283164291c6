--- Someone who looks at pages and fills in forms, without a screen: redirects are
-- followed, cookies kept, the fields of forms sent as they stand on the page.
--
--     local someone = visitor.new(port)
--     local page = someone:get("/products/1")
--     page = someone:submit(page, { quantity = "2" })
--     assert.equal("/cart", page.path)
--
-- A page is an answer of spec/wire with `path` (where redirects ended) and `hops`.

local html = require "rille.test.html"
local wire = require "spec.wire"

local visitor = {}
local Visitor = {}
Visitor.__index = Visitor

local HOPS_MOST = 5

--- @param port of the server on 127.0.0.1
function visitor.new(port)
  return setmetatable({ port = port, cookies = {} }, Visitor)
end

local function escaped(text)
  return (tostring(text):gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function pairs_of(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = escaped(name) .. "=" .. escaped(value)
  end
  table.sort(parts)
  return table.concat(parts, "&")
end

local function cookie_line(cookies)
  local parts = {}
  for name, value in pairs(cookies) do
    parts[#parts + 1] = name .. "=" .. value
  end
  return "Cookie: " .. table.concat(parts, "; ")
end

local function keep_cookie(self, line)
  local name, value, rest = (line or ""):match("^([^=]+)=([^;]*)(.*)$")
  if name then self.cookies[name] = not rest:find("Max-Age=0", 1, true) and value or nil end
end

local function exchange(self, method, path, body, headers)
  local lines = { body = body, method .. " " .. path .. " HTTP/1.1", "Host: 127.0.0.1:" .. self.port,
    "Accept: text/html", cookie_line(self.cookies) }
  if body then
    lines[#lines + 1] = "Content-Type: application/x-www-form-urlencoded"
    lines[#lines + 1] = "Content-Length: " .. #body
  end
  for _, line in ipairs(headers or {}) do
    lines[#lines + 1] = line
  end
  local conn = wire.connect(self.port)
  assert(conn:send(wire.request(lines)))
  local answer = assert(conn:answer())
  conn:close()
  keep_cookie(self, answer.headers["set-cookie"])
  answer.path = path
  return answer
end

local function followed(self, answer)
  local hops = 0
  while answer.headers.location do
    hops = hops + 1
    assert(hops <= HOPS_MOST, "led in circles")
    answer = exchange(self, "GET", answer.headers.location)
  end
  answer.hops = hops
  return answer
end

--- Look at a page.
function Visitor:get(path)
  return followed(self, exchange(self, "GET", path))
end

--- Send fields as a form would, without following where it leads.
-- @tparam[opt] table headers more header lines
function Visitor:post(path, fields, headers)
  return exchange(self, "POST", path, pairs_of(fields), headers)
end

--- Fill in a form of a page and send it.
-- @tparam table page
-- @tparam[opt] table fields values by name, in place of those on the page
-- @param[opt] which the form's number or action, when there are several
function Visitor:submit(page, fields, which)
  local form = assert(html.form(page.body, which))
  local filled = {}
  for name, value in pairs(form.values) do
    filled[name] = value
  end
  for name, value in pairs(fields or {}) do
    assert(form.known[name], "the form has no field " .. name)
    filled[name] = value
  end
  return followed(self, exchange(self, "POST", form.action, pairs_of(filled), { "Origin: http://127.0.0.1:" .. self.port }))
end

--- The field of a page's form as it stands there.
function visitor.value(page, name, which)
  return assert(html.form(page.body, which)).values[name]
end

--- What a page says is wrong, in order: the texts of class `problem`.
function visitor.problems(page)
  local texts = {}
  for text in page.body:gmatch('<p class="problem"[^>]*>([^<]*)</p>') do
    texts[#texts + 1] = html.unescape(text)
  end
  return texts
end

return visitor
