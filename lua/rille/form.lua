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
  local last = semicolon and semicolon - 1 or #text
  while text:byte(last) == 32 or text:byte(last) == 9 do
    last = last - 1
  end
  local media = text:sub(1, last):lower()
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
-- @raise 415 for what is JSON: no form begins with a brace, as they are written %7B there
function form.urlencoded(text)
  if text:byte(1) == 123 then
    errors.fail(415, "this wants a form, and got JSON that is called one: send it with 'Content-Type: application/json'")
  end
  local first, all, message = core.fields(text)
  if not first then
    errors.fail(all, message)
  end
  return first, all
end

local function malformed(why)
  errors.fail(400, "the multipart body is malformed: " .. why)
end

-- The end of a quoted text that begins at `from`: a quote that no backslash
-- stands before, since some clients write one so. Browsers write %22.
local function quote_end(text, from)
  local stop = text:find('"', from, true)
  while stop and text:byte(stop - 1) == 92 and stop > from do
    stop = text:find('"', stop + 1, true)
  end
  return stop
end

-- The parameters of `form-data; name="a"; filename="b.png"`, one after another,
-- so that what stands inside of one is not taken for another.
local function parameters(header)
  local found, at = {}, header:find(";", 1, true)
  while at do
    local from, past, name = header:find("^[ \t]*([%w%-_*]+)=", at + 1)
    if not from then
      return found
    end
    local value
    if header:byte(past + 1) == 34 then
      local stop = quote_end(header, past + 2)
      if not stop then
        return found
      end
      value = header:sub(past + 2, stop - 1):gsub('\\"', '"'):gsub("%%22", '"'):gsub("%%0[Dd]", "\r"):gsub("%%0[Aa]", "\n")
      at = header:find(";", stop, true)
    else
      local stop = header:find(";", past, true)
      value, at = header:sub(past + 1, (stop or #header + 1) - 1), stop
    end
    name = name:lower()
    found[name] = found[name] or value
  end
  return found
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
  local _, at = ("\r\n" .. text):find("\r\n" .. delimiter, 1, true) -- behind a preamble, if there is one
  if not at then
    malformed("its boundary does not occur in it")
  end
  at = at - 1
  for _ = 1, MOST_PARTS + 1 do
    if text:sub(at, at + 1) == "--" then
      return fields, all
    end
    local head_end = text:find("\r\n\r\n", at, true)
    local stop = head_end and text:find("\r\n" .. delimiter, head_end + 2, true)
    if text:sub(at, at + 1) ~= "\r\n" or not stop or head_end - at > MOST_PART_HEADER then
      malformed("a part does not end")
    end
    local headers = part_headers(text:sub(at + 2, head_end - 1))
    local said = parameters(headers["content-disposition"] or "")
    if not said.name then
      malformed("a part has no name")
    end
    local value = text:sub(head_end + 4, stop - 1)
    if said.filename == nil then
      add(fields, all, said.name, value)
    elseif said.filename ~= "" or value ~= "" then -- else nobody chose a file
      add(fields, all, said.name, {
        filename = said.filename, content_type = headers["content-type"] or "application/octet-stream", body = value,
      })
    end
    at = stop + 2 + #delimiter
  end
  malformed(("it has more than %d parts"):format(MOST_PARTS))
end

return form
