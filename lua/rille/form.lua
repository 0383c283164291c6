--- Forms: application/x-www-form-urlencoded and multipart/form-data (RFC 7578).
local core = require "rille.core"
local errors = require "rille.error"

local form = {}

local MOST_PARTS = 1000 -- as many as fields of a query
local MOST_PART_HEADER = 8192

--- The media type of a Content-Type, in lower case, and its boundary if it has one.
-- Without patterns: the text comes from outside.
-- @tparam string|nil content_type
function form.media_type(content_type)
  local text = content_type or ""
  local semicolon = text:find(";", 1, true)
  local media = (semicolon and text:sub(1, semicolon - 1) or text):lower()
  while media:byte(-1) == 32 or media:byte(-1) == 9 do
    media = media:sub(1, -2)
  end
  local at = semicolon and text:lower():find("boundary=", semicolon, true)
  if not at then
    return media
  end
  local boundary = text:sub(at + #"boundary=")
  if boundary:sub(1, 1) == '"' then
    boundary = boundary:sub(2, (boundary:find('"', 2, true) or 1) - 1)
  else
    local stop = boundary:find("[; \t]")
    boundary = stop and boundary:sub(1, stop - 1) or boundary
  end
  return media, boundary
end

--- Fields of a urlencoded text.
-- @treturn table the first value of each
-- @treturn table lists of all values
function form.urlencoded(text)
  local first, all, message = core.fields(text)
  if not first then
    errors.fail(all, message)
  end
  return first, all
end

local function malformed(why)
  errors.fail(400, "the multipart body is malformed: " .. why)
end

-- `name` of `form-data; name="a"; filename="b.png"`: quoted, as browsers write it.
local function parameter(header, name)
  local at = header:find("; " .. name .. '="', 1, true)
  if not at then
    return nil
  end
  local from = at + #name + 4
  local stop = header:find('"', from, true)
  return stop and (header:sub(from, stop - 1):gsub("%%22", '"'))
end

local function part_headers(text)
  local headers, at = {}, 1
  while at <= #text do
    local stop = text:find("\r\n", at, true) or #text + 1
    local line = text:sub(at, stop - 1)
    local colon = line:find(":", 1, true)
    if colon then
      local from = colon + 1
      while line:byte(from) == 32 do
        from = from + 1
      end
      headers[line:sub(1, colon - 1):lower()] = line:sub(from)
    end
    at = stop + 2
  end
  return headers
end

local function add(fields, all, name, value)
  if fields[name] == nil then
    fields[name] = value
    all[name] = { value }
  else
    table.insert(all[name], value)
  end
end

--- Fields and files of a multipart text. A file is `{ filename, content_type, body }`.
-- @tparam string text
-- @tparam string|nil boundary
-- @treturn table the first value of each field; files among them
-- @treturn table lists of all values
function form.multipart(text, boundary)
  if not boundary or boundary == "" or #boundary > 70 then
    malformed("its Content-Type has no boundary of 1 to 70 characters")
  end
  local fields, all, delimiter = {}, {}, "--" .. boundary
  if text:sub(1, #delimiter) ~= delimiter then
    malformed("it does not begin with its boundary")
  end
  local at = #delimiter + 1
  for _ = 1, MOST_PARTS do
    if text:sub(at, at + 1) == "--" then
      return fields, all
    end
    local head_end = text:find("\r\n\r\n", at, true)
    local stop = head_end and text:find("\r\n" .. delimiter, head_end + 2, true)
    if text:sub(at, at + 1) ~= "\r\n" or not stop or head_end - at > MOST_PART_HEADER then
      malformed("a part does not end")
    end
    local headers = part_headers(text:sub(at + 2, head_end - 1))
    local disposition = headers["content-disposition"] or ""
    local name, filename = parameter(disposition, "name"), parameter(disposition, "filename")
    if not name then
      malformed("a part has no name")
    end
    local value = text:sub(head_end + 4, stop - 1)
    add(fields, all, name, filename and {
      filename = filename, content_type = headers["content-type"] or "application/octet-stream", body = value,
    } or value)
    at = stop + 2 + #delimiter
  end
  malformed(("it has more than %d parts"):format(MOST_PARTS))
end

return form
