--- Cookies, both ways (RFC 6265).
local core = require "rille.core"
local unit = require "rille.unit"
local url = require "rille.url"

local cookie = {}

local MOST = 1000 -- pairs that are read: a stranger sends them
local OPTIONS = {
  path = true, domain = true, max_age = true, expires = true, secure = true, http_only = true, same_site = true,
}
local SAME_SITE = { strict = "Strict", lax = "Lax", none = "None" }

local function trimmed(text)
  local from, to = 1, #text
  while from <= to and text:byte(from) == 32 do
    from = from + 1
  end
  while to >= from and text:byte(to) == 32 do
    to = to - 1
  end
  return text:sub(from, to)
end

-- A value that we escaped on its way out; anything else is taken as it is.
local function unescaped(value)
  if not value:find("%", 1, true) then
    return value
  end
  local fields = core.fields("v=" .. value:gsub("%+", "%%2B"):gsub("&", "%%26"))
  return fields and fields.v or value
end

--- The cookies of a Cookie header, the first of each name.
-- @tparam string|nil header
-- @treturn table values by name
function cookie.parse(header)
  local found, at, count = {}, 1, 0
  header = header or ""
  while at <= #header and count < MOST do
    local stop = header:find(";", at, true) or #header + 1
    local pair = header:sub(at, stop - 1)
    local equals = pair:find("=", 1, true)
    if equals then
      local name, value = trimmed(pair:sub(1, equals - 1)), trimmed(pair:sub(equals + 1))
      if #value >= 2 and value:byte(1) == 34 and value:byte(-1) == 34 then
        value = value:sub(2, -2)
      end
      if name ~= "" and found[name] == nil then
        found[name] = unescaped(value)
      end
    end
    at, count = stop + 1, count + 1
  end
  return found
end

local function check(name, options, level)
  if type(name) ~= "string" or name == "" or name:find "[^%w!#$%%&'*+%-.^_`|~]" then
    error(("a cookie's name holds letters, digits and -_.!#$%%&'*+^`|~ only: got %s"):format(tostring(name)), level + 1)
  end
  for key in pairs(options) do
    if not OPTIONS[key] then
      error(("a cookie has no option '%s': there are path, domain, max_age, expires, secure, http_only, same_site")
        :format(tostring(key)), level + 1)
    end
  end
  for _, key in ipairs { "path", "domain" } do
    local value = options[key]
    if value ~= nil and (type(value) ~= "string" or value:find "[;%c]") then
      error(("a cookie's %s is a text without ';': got %s"):format(key, tostring(value)), level + 1)
    end
  end
  if options.expires ~= nil and type(options.expires) ~= "number" then
    error(("a cookie's expires is a time in seconds since 1970: got %s"):format(tostring(options.expires)), level + 1)
  end
end

--- The text of a Set-Cookie header. HttpOnly, SameSite=Lax and Path=/ unless said otherwise.
-- @tparam string name
-- @tparam string|nil value any text, escaped as needed; nil removes the cookie
-- @tparam[opt] table options path, domain, max_age (seconds or "2d"), expires (seconds since 1970),
-- secure, http_only, same_site ("strict", "lax" or "none")
function cookie.format(name, value, options, level)
  options = options or {}
  level = (level or 1) + 1
  check(name, options, level)
  local parts = { name .. "=" .. (value == nil and "" or url.escape(value)) }
  parts[#parts + 1] = "Path=" .. (options.path or "/")
  if options.domain then
    parts[#parts + 1] = "Domain=" .. options.domain
  end
  if value == nil then
    parts[#parts + 1] = "Max-Age=0"
  elseif options.max_age then
    parts[#parts + 1] = ("Max-Age=%d"):format(unit.seconds(options.max_age, level))
  end
  if options.expires then
    parts[#parts + 1] = "Expires=" .. os.date("!%a, %d %b %Y %H:%M:%S GMT", options.expires)
  end
  local same_site = SAME_SITE[tostring(options.same_site or "lax"):lower()]
  if not same_site then
    error(('same_site is "strict", "lax" or "none": got %s'):format(tostring(options.same_site)), level)
  end
  if options.secure or same_site == "None" then
    parts[#parts + 1] = "Secure"
  end
  if options.http_only ~= false then
    parts[#parts + 1] = "HttpOnly"
  end
  parts[#parts + 1] = "SameSite=" .. same_site
  return table.concat(parts, "; ")
end

return cookie
