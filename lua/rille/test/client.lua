--- A client of the app under test: `cl:get(path, options)` and its like.
--
-- Every request goes the whole way: parser, connection, router, middleware,
-- handler, answer. Only the socket is missing.
local core = require "rille.core"
local example = require "rille.test.example"
local fields_of = require "rille.fields"
local html = require "rille.test.html"
local slip = require "rille.slip"
local url = require "rille.url"
local wire = require "rille.test.wire"

local Client = { __name = "rille.test.client" }
Client.__index = Client

local OPTIONS = { query = true, headers = true, json = true, form = true, files = true, body = true }
local LONGEST_SHOWN = 2000 -- bytes of a body in an error message

-- ---- responses -----------------------------------------------------------------

local function shown(body)
  if #body > LONGEST_SHOWN then
    return ("%s… (%d bytes)"):format(body:sub(1, LONGEST_SHOWN), #body)
  end
  return body
end

local Response = { __name = "rille.test.response" }

function Response.__index(res, key)
  if key ~= "json" then
    error((slip.text("the answer", key, { "status", "headers", "body", "json" })), 2)
  end
  local ok, value, why = pcall(core.json_decode, res.body)
  if not ok or value == nil then
    error(("the answer's body is not JSON (%s). Status %d, content-type %s, body:\n%s"):format(
      tostring(ok and why or value), res.status, res.headers["content-type"] or "none", shown(res.body)), 2)
  end
  rawset(res, "json", value)
  return value
end

function Response:__tostring()
  return ("%s %s: %d\n%s"):format(self.method, self.path, self.status, shown(self.body))
end

-- ---- requests --------------------------------------------------------------------

local function check_options(options, level)
  for key in pairs(options) do
    if not OPTIONS[key] then
      error(("a request has no option '%s': there are query, headers, json, form, files, body"):format(tostring(key)),
        level + 1)
    end
  end
  local bodies = (options.json ~= nil and 1 or 0) + ((options.form or options.files) and 1 or 0) + (options.body and 1 or 0)
  if bodies > 1 then
    error("a request has one body: json, or form (with files), or body", level + 1)
  end
end

local function body_of(options)
  if options.json ~= nil then
    return core.json_encode(options.json), "application/json"
  elseif options.files then
    return wire.multipart(options.form or {}, options.files)
  elseif options.form then
    return wire.urlencoded(options.form), "application/x-www-form-urlencoded"
  end
  return options.body, nil
end

local function cookie_header(cookies)
  local pairs_of = {}
  for name, value in pairs(cookies) do
    pairs_of[#pairs_of + 1] = name .. "=" .. value
  end
  table.sort(pairs_of)
  return #pairs_of > 0 and table.concat(pairs_of, "; ") or nil
end

local function add_headers(headers, more)
  for name, value in pairs(more or {}) do
    headers[tostring(name):lower()] = value
  end
end

-- `http://host/path` is what a redirect may say: the app is the only host here.
local function target_of(path, query, level)
  if type(path) ~= "string" then
    error("a request takes a path: got a " .. type(path), level + 1)
  end
  path = path:gsub("^https?://[^/?#]*", ""):gsub("#.*$", "")
  if path:sub(1, 1) ~= "/" or path:find "[%s%c]" then
    error(("a path begins with '/' and has no spaces (write them as %%20): got %q"):format(path), level + 1)
  end
  if query and next(query) ~= nil then
    path = path .. (path:find("?", 1, true) and "&" or "?") .. url.query(query)
  end
  return path
end

local function is_expired(attributes)
  local age = attributes:match ";%s*[Mm]ax%-[Aa]ge=(%-?%d+)"
  if age then
    return tonumber(age) <= 0
  end
  return attributes:find ";%s*[Ee]xpires=[^;]*1970" ~= nil
end

local function keep_cookies(self, lines)
  for _, line in ipairs(lines or {}) do
    local name, value, attributes = line:match "^%s*([^=;]+)=([^;]*)(.*)$"
    if name then
      self.cookies[name] = not is_expired(attributes) and value or nil
    end
  end
end

-- What the log would have said of a fault.
local function told(fault)
  local lines = { ("%s: %s%s"):format(fault.message, fault.error, fault.at and (" (asked at %s)"):format(fault.at) or "") }
  for _, key in ipairs { "sql", "source", "trace" } do
    lines[#lines + 1] = fault[key]
  end
  return table.concat(lines, "\n")
end

-- A fault nobody expects is the example's failure, with what the log would have said.
local function check_fault(res, level)
  local is_expected, fault = example.meet_fault(res.headers["x-request-id"] or res.body:match '"request_id":"(%x+)"')
  if is_expected then
    return
  end
  local text = fault and told(fault) or shown(res.body)
  error(("%s %s was answered 500 (t.expect_fault() says that it should be).\n%s"):format(res.method, res.path, text),
    level + 1)
end

local function request(self, method, path, options, level)
  options = options or {}
  if type(options) ~= "table" then
    error("a request's options are a table { query, headers, json, form, files, body }: got a " .. type(options), level + 1)
  end
  check_options(options, level + 1)
  local target = target_of(path, options.query, level + 1)
  local body, content_type = body_of(options)
  local headers = { host = "localhost", ["content-type"] = content_type, cookie = cookie_header(self.cookies) }
  add_headers(headers, self.headers)
  add_headers(headers, options.headers)
  if not body and (method == "POST" or method == "PUT" or method == "PATCH") then
    body = ""
  end
  local res, lists = wire.exchange(self.app, wire.request(method, target, headers, body), method)
  res.method, res.path = method, target
  keep_cookies(self, lists["set-cookie"])
  fields_of.headers(res.headers)
  setmetatable(res, Response)
  if res.status == 500 then
    check_fault(res, level + 1)
  end
  return res
end

for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" } do
  --- Send a request and read its answer: cl:get(path, options). **Yields.**
  -- @tparam string path it may hold a query, and may be a URL that the app gave
  -- @tparam[opt] table options `query`, `headers`: tables; the body is one of
  -- `json` (any value), `form` (a table; with `files` = { name = text or
  -- { filename, content_type, body } } as multipart), `body` (a string)
  -- @treturn response `status`, `headers` (lower-case names, read in any case), `body`, and `json`,
  -- decoded when it is first read
  -- @raise when it is answered 500, unless t.expect_fault() was called
  Client[method:lower()] = function(self, path, options)
    return request(self, method, path, options, 1) -- a tail call: the caller is one level up
  end
end

-- ---- forms -------------------------------------------------------------------------

local function relative_to(base, action)
  if action == nil or action == "" then
    return base
  end
  if action:sub(1, 1) == "?" then
    return base:gsub("%?.*$", "") .. action
  end
  if action:sub(1, 1) == "/" or action:find "^https?://" then
    return action
  end
  return base:gsub("%?.*$", ""):gsub("[^/]*$", "") .. action
end

local function fill(form, fields, level)
  local known, out = {}, {}
  for _, name in ipairs(form.names) do
    known[name] = true
    out[name] = form.values[name]
  end
  for name, value in pairs(fields) do
    if not known[name] then
      error(("the form has no field '%s': it has %s"):format(tostring(name), table.concat(form.names, ", ")), level + 1)
    end
    out[name] = value
  end
  return out
end

local function split_files(form, fields)
  local files, rest, has_files = {}, {}, form.enctype == "multipart/form-data"
  for name, value in pairs(fields) do
    if form.files[name] then
      files[name], has_files = value, true
    else
      rest[name] = value
    end
  end
  return rest, has_files and files or nil
end

--- Fill in a form of an HTML answer and send it, hidden fields and all. **Yields.**
-- @tparam response res an answer whose body is a page
-- @tparam[opt] table fields values by name; false leaves a field out. A name
-- that the form does not have is an error
-- @tparam[opt] table which `form`: its number on the page, its id or its action;
-- without it the page has one form only
-- @treturn response as of `get`
function Client:submit(res, fields, which)
  if type(res) ~= "table" or type(res.body) ~= "string" then
    error("submit takes an answer with a page in it first: got a " .. type(res), 2)
  end
  local form, why = html.form(res.body, which and which.form)
  if not form then
    error(("%s. The page of %s %s:\n%s"):format(why, tostring(res.method), tostring(res.path), shown(res.body)), 2)
  end
  local filled = fill(form, fields or {}, 2)
  for name, value in pairs(filled) do
    filled[name] = value ~= false and value or nil
  end
  local path = relative_to(res.path, form.action)
  if form.method == "GET" then
    return request(self, "GET", path:gsub("%?.*$", ""), { query = filled }, 1)
  end
  local rest, files = split_files(form, filled)
  return request(self, "POST", path, { form = rest, files = files }, 1)
end

--- A client of an app.
-- @tparam integer app its number
-- @tparam[opt] table headers sent with every request
-- @local
function Client.new(app, headers)
  return setmetatable({ app = app, headers = headers or {}, cookies = {} }, Client)
end

slip.guard(Client, "a client", "get head post put patch delete options submit headers cookies", "")

return Client
