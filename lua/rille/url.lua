--- URLs written, never parsed: escaping, patterns filled in, query strings.
local url = {}

local function percent(byte)
  return ("%%%02X"):format(byte:byte())
end

--- Percent-encode all but the unreserved characters (RFC 3986, 2.3).
-- @param value a string, or what tostring makes one of
-- @treturn string
function url.escape(value)
  return (tostring(value):gsub("[^%w%-%._~]", percent))
end

-- The rest of a path keeps its slashes.
local function escape_rest(value)
  return (tostring(value):gsub("[^%w%-%._~/]", percent))
end

-- What a pattern says beside its parameters: written decoded, sent escaped.
local function escape_static(text)
  return (text:gsub("[^%w%-%._~/!$&'%(%)+,;=@]", percent))
end

--- The names of a pattern's parameters.
-- @tparam string pattern
-- @treturn {string,...}
function url.names(pattern)
  local names = {}
  for name in pattern:gmatch "[:*]([%a_][%w_]*)" do
    names[#names + 1] = name
  end
  return names
end

--- Fill a route's pattern in: `/users/:id` with `{ id = 7 }` is `/users/7`.
-- @tparam string pattern
-- @tparam[opt] table params
-- @treturn string|nil
-- @treturn string the name that is missing
function url.fill(pattern, params)
  local parts, at = {}, 1
  for from, kind, name, past in pattern:gmatch "()([:*])([%a_][%w_]*)()" do
    local value = params and params[name]
    if value == nil or value == "" then -- an empty segment leads to another route
      return nil, name
    end
    parts[#parts + 1] = escape_static(pattern:sub(at, from - 1))
    parts[#parts + 1] = kind == "*" and escape_rest(value) or url.escape(value)
    at = past
  end
  parts[#parts + 1] = escape_static(pattern:sub(at))
  return table.concat(parts)
end

--- A query string of a table, names in alphabetical order; lists repeat the name.
-- @tparam table fields
-- @treturn string without the "?"
function url.query(fields)
  local names, parts = {}, {}
  for name in pairs(fields) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = fields[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = url.escape(name) .. "=" .. url.escape(one)
    end
  end
  return table.concat(parts, "&")
end

return url
