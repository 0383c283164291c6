--- Middleware that most apps want: `app:use(rille.mw.cors{ origins = { … } })`.
local core = require "rille.core"
local errors = require "rille.error"
local unit = require "rille.unit"

local mw = {}

--- Give the rest of the chain so long: then the next wait raises, and the answer is 504.
-- @tparam duration duration seconds or "2s"
-- @treturn middleware
function mw.timeout(duration)
  local seconds = unit.seconds(duration, 2)
  return function(c, next)
    core.set_deadline(seconds)
    return next(c)
  end
end

--- Take no longer body than that: 413.
-- @tparam size size bytes or "64K"; at most the setting max_body
-- @treturn middleware
function mw.body_limit(size)
  local most = unit.body(size, 2)
  return function(c, next)
    if not core.limit_body(c[1], c[2], most) then
      errors.fail(413, ("the body is longer than %d bytes"):format(most))
    end
    return next(c)
  end
end

local SECURITY = {
  ["X-Content-Type-Options"] = "nosniff",
  ["X-Frame-Options"] = "DENY",
  ["Referrer-Policy"] = "strict-origin-when-cross-origin",
  ["Cross-Origin-Opener-Policy"] = "same-origin",
  ["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'",
}

--- Headers that tell browsers to be strict. As middleware for some routes, or
-- as `app:on_response(rille.mw.security_headers())` for every answer.
-- @tparam[opt] table changes other values by header name; false leaves one out
-- @treturn middleware
function mw.security_headers(changes)
  local headers = {}
  for name, value in pairs(SECURITY) do
    headers[name] = value
  end
  for name, value in pairs(changes or {}) do
    headers[name] = value or nil
  end
  return function(c, next)
    for name, value in pairs(headers) do
      c:set_header(name, value)
    end
    if type(next) == "function" then
      return next(c)
    end
  end
end

-- ---- CORS ------------------------------------------------------------------

local CORS_OPTIONS = { origins = true, methods = true, headers = true, expose = true, credentials = true, max_age = true }

-- Which middleware are ours, so that their paths can answer preflights.
local is_cors = setmetatable({}, { __mode = "k" })

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do
    set[value] = true
  end
  return set
end

local function check_cors(options)
  for key in pairs(options) do
    if not CORS_OPTIONS[key] then
      error(("cors has no option '%s': there are origins, methods, headers, expose, credentials, max_age")
        :format(tostring(key)), 3)
    end
  end
  if options.origins ~= "*" and type(options.origins) ~= "table" then
    error('cors wants origins: a list such as { "https://shop.example" }, or "*"', 3)
  end
  if options.origins == "*" and options.credentials then
    error('cors: origins = "*" with credentials would let every site act as the user: list the origins', 3)
  end
end

--- Let pages of other origins call (the Fetch standard, 3.2). Answers
-- preflights for every path behind it; as `app:on_response(rille.mw.cors{…})` it
-- marks every answer, errors and 404s too.
-- @tparam table options origins (a list, or "*"), methods, headers, expose (lists),
-- credentials (boolean), max_age (seconds)
-- @treturn middleware
function mw.cors(options)
  options = options or {}
  check_cors(options)
  local allowed = options.origins ~= "*" and set_of(options.origins)
  local methods = table.concat(options.methods or { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" }, ", ")
  local headers = table.concat(options.headers or { "Content-Type", "Authorization" }, ", ")
  local expose = options.expose and table.concat(options.expose, ", ")
  local max_age = tostring(math.floor(unit.seconds(options.max_age or 600, 2)))

  -- As app:on_response it gets the answer instead, and nothing to run.
  local function proceed(c, next)
    if type(next) == "function" then
      return next(c)
    end
  end

  local function middleware(c, next)
    local origin = core.header(c[1], c[2], "origin")
    if allowed then
      core.set_header(c[1], c[2], "Vary", "Origin", true)
    end
    if not origin or (allowed and not allowed[origin]) then
      return proceed(c, next)
    end
    c:set_header("Access-Control-Allow-Origin", allowed and origin or "*")
    if options.credentials then
      c:set_header("Access-Control-Allow-Credentials", "true")
    end
    if c.method == "OPTIONS" and core.header(c[1], c[2], "access-control-request-method") then
      c:set_header("Access-Control-Allow-Methods", methods)
      c:set_header("Access-Control-Allow-Headers", headers)
      c:set_header("Access-Control-Max-Age", max_age)
      return proceed(c, next)
    end
    if expose then
      c:set_header("Access-Control-Expose-Headers", expose)
    end
    return proceed(c, next)
  end
  is_cors[middleware] = true
  return middleware
end

--- The cors middleware in a chain, or nil.
-- @local
function mw.cors_of(chain)
  for _, middleware in ipairs(chain) do
    if is_cors[middleware] then
      return middleware
    end
  end
end

return mw
