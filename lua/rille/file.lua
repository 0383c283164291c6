--- Files as answers: whole, in part (RFC 9110, 14), or not at all when the client
-- has them (RFC 9110, 13). Read in pieces on other threads: memory stays flat.
local answers = require "rille.answer"
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"
local unit = require "rille.unit"
local wait = require "rille.wait"

local file = {}

local PIECE = 64 * 1024

local folders = setmetatable({}, { __mode = "k" }) -- of the handlers of app:static

local TYPES = {
  avif = "image/avif", bin = "application/octet-stream", css = "text/css; charset=utf-8", csv = "text/csv; charset=utf-8",
  gif = "image/gif", html = "text/html; charset=utf-8", ico = "image/x-icon", jpeg = "image/jpeg", jpg = "image/jpeg",
  js = "text/javascript; charset=utf-8", json = "application/json", map = "application/json",
  md = "text/markdown; charset=utf-8", mjs = "text/javascript; charset=utf-8", mp3 = "audio/mpeg", mp4 = "video/mp4",
  pdf = "application/pdf", png = "image/png", svg = "image/svg+xml", txt = "text/plain; charset=utf-8",
  wasm = "application/wasm", webm = "video/webm", webp = "image/webp", woff = "font/woff", woff2 = "font/woff2",
  xml = "application/xml", zip = "application/zip",
}

local function type_of(path)
  local at = #path
  while at > 0 and path:sub(at, at) ~= "." and path:sub(at, at) ~= "/" do
    at = at - 1
  end
  return TYPES[path:sub(at + 1):lower()] or "application/octet-stream"
end

local function http_date(seconds)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds)
end

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

-- Seconds since 1970 of what http_date writes (RFC 9110, 5.6.7); nil for all else.
local function parse_date(text)
  if #text ~= 29 then
    return nil
  end
  local day, name, year, hour, minute, second = text:match "^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$"
  local month = MONTHS[name]
  if not month then
    return nil
  end
  local y = month <= 2 and year - 1 or year + 0 -- years begin in March: the leap day is their last
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 719469
  return days * 86400 + hour * 3600 + minute * 60 + second
end

-- The parts of the answer that say which version of the file it is.
local function validators(size, changed)
  return ('"%x-%x"'):format(size, math.floor(changed * 1e6)), http_date(math.floor(changed))
end

-- Weak comparison of one tag with a list of them (RFC 9110, 13.1.2).
local function has_tag(list, tag)
  if list == "*" then
    return true
  end
  local at = list:find(tag, 1, true)
  return at ~= nil
end

local function is_unchanged(c, tag, changed)
  local tags = core.header(c[1], c[2], "if-none-match")
  if tags then
    return has_tag(tags, tag)
  end
  local since = core.header(c[1], c[2], "if-modified-since")
  since = since and parse_date(since)
  return since ~= nil and math.floor(changed) <= since
end

-- The one range of `bytes=a-b`, `bytes=a-`, `bytes=-n`; nil to send all, false when it cannot be had.
local function range_of(header, size)
  if #header > 64 then
    return nil
  end
  local first, last = header:lower():match "^bytes=(%d*)%-(%d*)$"
  if not first or (first == "" and last == "") then
    return nil
  end
  first, last = tonumber(first), tonumber(last)
  if not first then
    first, last = math.max(0, size - last), size - 1
  end
  last = math.min(last or size - 1, size - 1)
  if first > last then
    return false
  end
  return first, last
end

local function requested_range(c, size, tag, date)
  local header = core.header(c[1], c[2], "range")
  local condition = core.header(c[1], c[2], "if-range")
  if not header or c.method ~= "GET" or (condition and condition ~= tag and condition ~= date) then
    return nil
  end
  return range_of(header, size)
end

local function send(handle, first, count)
  return function(out)
    local at, left = first, count
    while left > 0 do
      wait.won(core.file_read(handle, at, math.min(PIECE, left)))
      local bytes, why = core.file_take(handle)
      if not bytes or bytes == "" then
        error("the file became shorter while it was sent" .. (why and ": " .. why or ""), 0)
      end
      out:write(bytes)
      at, left = at + #bytes, left - #bytes
    end
  end
end

local OPTIONS = { type = true, download = true, max_age = true, root = true }

local function check(path, options, level)
  if type(path) ~= "string" or path == "" or path:find("%z") then
    error("file takes a path: got " .. tostring(path), level + 1)
  end
  if type(options) ~= "table" then
    error("file takes a table of options second: got a " .. type(options), level + 1)
  end
  for key in pairs(options) do
    if not OPTIONS[key] then
      error(("file has no option '%s': there are type, download, max_age, root"):format(tostring(key)), level + 1)
    end
  end
end

-- What the request's headers make of the file: all, a part, or none of it.
local function resolved(answer, c)
  local options, handle = answer.options, core.file(c[Context.APP]:path(answer.path))
  wait.won(core.file_open(handle))
  local size, changed, kind = core.file_about(handle)
  if not size or kind ~= "file" then
    core.file_close(handle)
    errors.fail(404, "there is nothing here")
  end
  local tag, date = validators(size, changed)
  local headers = {}
  for name, value in pairs(answer.headers) do -- the app may return this answer again
    headers[name] = value
  end
  headers.ETag, headers["Last-Modified"], headers["Accept-Ranges"] = tag, date, "bytes"
  local status, method = answer.status, c.method
  local is_plain = status == 200 and (method == "GET" or method == "HEAD") -- else conditions mean something else
  if is_plain and is_unchanged(c, tag, changed) then
    core.file_close(handle)
    return answers.new { status = 304, headers = headers }
  end
  local first, last
  if is_plain then
    first, last = requested_range(c, size, tag, date)
  end
  if first == false then
    core.file_close(handle)
    errors.fail(416, { message = "the file has no such range", headers = { ["Content-Range"] = "bytes */" .. size } })
  elseif first then
    status, headers["Content-Range"] = 206, ("bytes %d-%d/%d"):format(first, last, size)
  else
    first, last = 0, size - 1
  end
  local count = last - first + 1
  return answers.new {
    status = status, headers = headers, type = options.type or type_of(answer.path), length = count,
    run = send(handle, first, count), close = function() core.file_close(handle) end,
  }
end

local function answer(path, options)
  local headers = {}
  if options.max_age then
    headers["Cache-Control"] = ("max-age=%d"):format(unit.seconds(options.max_age, 3))
  end
  if core.is_dev() then
    headers["Cache-Control"] = "no-cache" -- a page that loads again after a save is to show what was saved
  end
  if options.download then
    headers["Content-Disposition"] = ('attachment; filename="%s"'):format((options.download:gsub("[^%w%._ %-]", "_")))
  end
  return answers.new { status = 200, headers = headers, path = path, options = options, run = resolved, is_late = true }
end

-- Parts of a path often come from outside, whatever the guide says.
local function leads_up(path)
  return ("/" .. path .. "/"):find("/../", 1, true) ~= nil
end

--- A file as an answer: `return rille.file("files/report.pdf", { download = "report.pdf" })`.
-- Answers conditional requests and one range; 404 when there is no such file.
-- @tparam string path from the app's folder, or from `root`; one with a `..` in it is not there
-- @tparam[opt] table options type (else by the name's ending), download (a file name to save as), max_age (how long
-- to cache: seconds or "1d"), root (another folder)
-- @treturn answer
function file.answer(path, options)
  options = options or {}
  check(path, options, 2)
  if path:sub(1, 1) == "/" then
    error(("file takes a path below the app's folder, or below another one: rille.file(name, { root = %q })"):format(
      path:match "^(.-)/?[^/]*$"), 2)
  elseif leads_up(path) then
    errors.fail(404, "there is nothing here")
  end
  return answer(options.root and options.root .. "/" .. path or path, options)
end

-- A name from outside: no way up, nothing hidden, no other separator.
local function is_harmless(name)
  return not ("/" .. name .. "/"):find "/[/.]" and not name:find "[%z\\]"
end

--- The handler of `app:static(path, dir)`.
-- @tparam string dir
-- @tparam[opt] table options as for a file
function file.static(dir, options)
  check(dir, options or {}, 3)
  local function handler(c)
    local name = c.params.file
    if name == "" or name:sub(-1) == "/" then
      name = name .. "index.html"
    end
    if not is_harmless(name) then
      errors.fail(404, "there is nothing here")
    end
    return answer(dir .. "/" .. name, options or {})
  end
  folders[handler] = dir
  return handler
end

--- Say of a handler of `app:static` whose folder is not there that it will not find anything.
-- @tparam function handler of any route
-- @tparam App app whose route it is
-- @tparam string where the route was written
function file.check_folder(handler, app, where)
  local dir = folders[handler]
  if dir and not core.file_names(app:path(dir)) then
    core.log("warn", ("app:static: there is no folder %s, and so nothing below it: 404"):format(app:path(dir)), "where", where)
  end
end

return file
