--- The token that opens the dashboard in production: the setting `admin_token`.
--
-- It comes as `Authorization: Bearer TOKEN`, or as the password of HTTP Basic (RFC 7617), for which browsers ask by
-- themselves; the name beside it does not matter.
local core = require "rille.core"
local errors = require "rille.error"

local bit = require "bit"

local token = {}

local MOST_BYTES = 1024 -- of what is taken for one: it comes from outside

local DIGITS = {}
for i = 1, 64 do
  DIGITS[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i)] = i - 1
end

-- Base64 (RFC 4648, 4); nil for what is none.
local function decoded(text)
  local bytes, gathered, count = {}, 0, 0
  for i = 1, #text do
    local digit = DIGITS[text:byte(i)]
    if not digit then
      return text:find("^=+$", i) and table.concat(bytes) or nil
    end
    gathered, count = bit.bor(bit.lshift(bit.band(gathered, 0xfff), 6), digit), count + 6
    if count >= 8 then
      count = count - 8
      bytes[#bytes + 1] = string.char(bit.band(bit.rshift(gathered, count), 0xff))
    end
  end
  return table.concat(bytes)
end

--- The token in an Authorization header.
-- @tparam ?string header
-- @treturn ?string
function token.of(header)
  if not header or #header > MOST_BYTES then
    return nil
  end
  local scheme, rest = header:match "^(%a+) +([^ ]+)$"
  scheme = scheme and scheme:lower()
  if scheme == "bearer" then
    return rest
  elseif scheme == "basic" then
    local both = decoded(rest)
    return both and both:match "^[^:]*:(.*)$"
  end
end

--- A guard: lets in who knows the token.
-- @raise 401 for others
function token.guard(c, next)
  local secret = core.settings.admin_token or ""
  local given = token.of(c.headers.authorization)
  if secret == "" or not given or not core.is_same(given, secret) then
    errors.fail(401, {
      message = "the dashboard wants the admin_token, as a Bearer token or as a password with any name",
      headers = { ["WWW-Authenticate"] = 'Basic realm="Rille", charset="UTF-8"' },
    })
  end
  return next(c)
end

return token
