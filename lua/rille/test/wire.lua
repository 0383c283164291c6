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

-- The body of a chunked message that begins at `at`; nil when it has not ended.
local function read_chunks(text, at)
  local pieces = {}
  while true do
    local size, after = text:match("^(%x+)[^\r\n]*\r\n()", at)
    if not size then
      return nil
    end
    size = tonumber(size, 16)
    if size == 0 then
      return text:find("\r\n", after, true) and table.concat(pieces) or nil
    end
    if #text < after + size + 1 then
      return nil
    end
    pieces[#pieces + 1] = text:sub(after, after + size - 1)
    at = after + size + 2
  end
end

local function read_body(text, at, method, status, headers, has_ended)
  if method == "HEAD" or status == 204 or status == 304 then
    return ""
  end
  if (headers["transfer-encoding"] or ""):lower() == "chunked" then
    return read_chunks(text, at)
  end
  local len = tonumber(headers["content-length"])
  if not len then
    return has_ended and text:sub(at) or nil
  end
  return #text >= at + len - 1 and text:sub(at, at + len - 1) or nil
end

-- The first final response in `text`, or nil when it is not whole.
local function parse(text, method, has_ended)
  local at = 1
  while true do
    local stop = text:find("\r\n\r\n", at, true)
    if not stop then
      return nil
    end
    local head = text:sub(at, stop + 1)
    local status = tonumber(head:match "^HTTP/1%.[01] (%d%d%d)")
    if not status then
      error("what came is no HTTP response: " .. ("%q"):format(head:sub(1, 80)), 0)
    end
    at = stop + 4
    if status >= 200 then
      local headers, lists = read_headers(head)
      local body = read_body(text, at, method, status, headers, has_ended)
      return body and { status = status, headers = headers, body = body }, lists
    end
  end
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
  local text = ""
  while true do
    local more, has_ended = core.test_got(connection)
    text = text .. more
    local response, lists = parse(text, method, has_ended)
    if response then
      core.test_close(connection)
      return response, lists
    end
    if has_ended then
      core.test_close(connection)
      error(("the connection was closed before the answer was whole: %d bytes came"):format(#text), 0)
    end
    wait.won(core.test_wait(connection))
  end
end

return wire
