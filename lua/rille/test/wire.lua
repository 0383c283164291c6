--- A request as bytes, and bytes as a response (HTTP/1.1, RFC 9112).
--
-- Written apart from the server's own reader and writer: what one of them gets
-- wrong, a copy of it would overlook.
local core = require "rille.core"
local url = require "rille.url"
local wait = require "rille.wait"

local wire = {}

-- ---- requests ------------------------------------------------------------------

local function boundary_for(parts)
  local boundary, tries = "rille-form", 0
  while table.concat(parts):find(boundary, 1, true) do
    tries = tries + 1
    boundary = "rille-form-" .. tries
  end
  return boundary
end

local function quoted(name)
  return (tostring(name):gsub('"', "%%22"):gsub("[\r\n]", " "))
end

local function field_part(name, value)
  return ('Content-Disposition: form-data; name="%s"\r\n\r\n%s'):format(quoted(name), tostring(value))
end

local function file_part(name, file)
  if type(file) == "string" then
    file = { body = file }
  end
  return ('Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s'):format(quoted(name),
    quoted(file.filename or name), file.content_type or "application/octet-stream", file.body or "")
end

local function sorted_keys(fields)
  local keys = {}
  for key in pairs(fields) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

--- A multipart/form-data body (RFC 7578).
-- @tparam table fields values, or lists of them, by name
-- @tparam table files by name: text, or { filename, content_type, body }
-- @treturn string the body
-- @treturn string its Content-Type
function wire.multipart(fields, files)
  local parts = {}
  for _, name in ipairs(sorted_keys(fields)) do
    local value = fields[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = field_part(name, one)
    end
  end
  for _, name in ipairs(sorted_keys(files)) do
    parts[#parts + 1] = file_part(name, files[name])
  end
  local boundary = boundary_for(parts)
  local out = {}
  for _, part in ipairs(parts) do
    out[#out + 1] = "--" .. boundary .. "\r\n" .. part .. "\r\n"
  end
  out[#out + 1] = "--" .. boundary .. "--\r\n"
  return table.concat(out), "multipart/form-data; boundary=" .. boundary
end

--- A urlencoded body.
-- @tparam table fields values, or lists of them, by name
function wire.urlencoded(fields)
  return (url.query(fields):gsub("%%20", "+"))
end

--- The bytes of a request.
-- @tparam string method
-- @tparam string target path and query
-- @tparam table headers by lower-case name; a list is sent as several lines
-- @tparam[opt] string body
function wire.request(method, target, headers, body)
  local lines = { method .. " " .. target .. " HTTP/1.1" }
  for _, name in ipairs(sorted_keys(headers)) do
    local value = headers[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      lines[#lines + 1] = name .. ": " .. tostring(one)
    end
  end
  if body then
    lines[#lines + 1] = "content-length: " .. #body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

-- ---- responses -------------------------------------------------------------------

local function read_headers(head)
  local headers, lists = {}, {}
  for name, value in head:gmatch "\r\n([^:\r\n]+):[ \t]*([^\r\n]*)" do
    name = name:lower()
    lists[name] = lists[name] or {}
    table.insert(lists[name], value)
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers, lists
end

-- ---- bodies, as they come in: each byte is looked at once, however many pieces it takes ----

-- Up to the end of the connection.
local function read_to_end(self, text)
  self.pieces[#self.pieces + 1] = text
  if self.has_ended then
    return table.concat(self.pieces)
  end
  return nil, "", 1
end

local function read_counted(len)
  return function(_, text)
    if #text < len then
      return nil, text, len
    end
    return text:sub(1, len)
  end
end

local function read_chunks(self, text)
  local at = 1
  while true do
    local size, after = text:match("^(%x+)[^\r\n]*\r\n()", at)
    if not size then
      return nil, text:sub(at), #text - at + 2
    end
    size = tonumber(size, 16)
    if size == 0 then
      if text:find("\r\n", after, true) then
        return table.concat(self.pieces)
      end
      return nil, text:sub(at), #text - at + 2
    elseif #text < after + size + 1 then
      return nil, text:sub(at), after + size + 2 - at
    end
    self.pieces[#self.pieces + 1] = text:sub(after, after + size - 1)
    at = after + size + 2
  end
end

local function read_none()
  return ""
end

-- How the body behind this head is read: read(self, text) returns it, or nil, what of
-- the text it has not taken, and how many bytes of that it wants to go on.
local function reader_of(method, status, headers)
  if method == "HEAD" or status == 204 or status == 304 then
    return read_none
  elseif (headers["transfer-encoding"] or ""):lower() == "chunked" then
    return read_chunks
  end
  local len = tonumber(headers["content-length"])
  return len and read_counted(len) or read_to_end
end

-- Answers that only say that another one will come are passed over.
local function read_head(self, text)
  local stop = text:find("\r\n\r\n", 1, true)
  if not stop then
    return nil, text, #text + 1
  end
  local head = text:sub(1, stop + 1)
  local status = tonumber(head:match "^HTTP/1%.[01] (%d%d%d)")
  if not status then
    error("what came is no HTTP response: " .. ("%q"):format(head:sub(1, 80)), 0)
  end
  text = text:sub(stop + 4)
  if status < 200 then
    return read_head(self, text)
  end
  self.status, self.headers, self.lists = status, read_headers(head)
  self.read = reader_of(self.method, status, self.headers)
  return self.read(self, text)
end

local Response = {}
Response.__index = Response

local function new_response(method)
  return setmetatable({ method = method, read = read_head, waiting = {}, len = 0, wanted = 1, pieces = {} }, Response)
end

-- Take what came. Returns the body when it is whole.
function Response:take(more, has_ended)
  self.has_ended = has_ended
  self.waiting[#self.waiting + 1] = more
  self.len = self.len + #more
  if self.len < self.wanted and not has_ended then
    return nil
  end
  local body, rest, wanted = self.read(self, table.concat(self.waiting))
  if not body then
    self.waiting, self.len, self.wanted = { rest }, #rest, wanted
  end
  return body
end

--- Send a request to an app and read the response. **Yields.**
-- @tparam integer app its number
-- @tparam string bytes the request
-- @tparam string method its method: HEAD is answered without a body
-- @treturn table status, headers, body
-- @treturn table lists of all values of each header
-- @raise when the app closed the connection without an answer
function wire.exchange(app, bytes, method)
  local connection = core.test_open(app)
  core.test_send(connection, bytes)
  local response, count = new_response(method), 0
  while true do
    local more, has_ended = core.test_got(connection)
    count = count + #more
    local body = response:take(more, has_ended)
    if body then
      core.test_close(connection)
      return { status = response.status, headers = response.headers, body = body }, response.lists
    end
    if has_ended then
      core.test_close(connection)
      error(("the connection was closed before the answer was whole: %d bytes came"):format(count), 0)
    end
    wait.won(core.test_wait(connection))
  end
end

return wire
