--- Forms are taken from the shop's own pages only.
--
-- The cart's cookie is SameSite=Lax: browsers leave it out of a form that
-- another site sends. This is the second lock, for browsers and sites that open
-- the first: they name the page's origin with every POST (Fetch, 3.1), and it
-- must be the host that they call. Whoever sends no Origin is no browser, and
-- nobody's cookies are lured out of curl. A middleware with tokens (csrf) is to
-- take the place of this one.

local rille = require "rille"

local SAFE = { GET = true, HEAD = true, OPTIONS = true }

--- Middleware: 403 for what another site's page sends.
local function same_origin(c, next)
  local origin = not SAFE[c.method] and c.headers.origin
  if origin and origin:match("^https?://(.+)$") ~= c.headers.host then
    rille.fail(403, "this form was sent by another site's page")
  end
  return next(c)
end

return same_origin
