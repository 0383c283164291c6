local rille = require "rille"
local input = require "input"
local page = require "page"
local country = require "models.country"
local order = require "models.order"
local user = require "models.user"

local routes = rille.routes()

-- Only what every address has: something, one @, and a host. Whether it exists
-- shows when mail is sent, not in a pattern. The text is at most 254 bytes here.
local function looks_like_email(text)
  return #text <= 254 and text:find("^[^@%s%c]+@[^@%s%c]+$") ~= nil
end

local EMAIL = { most = 254, matches = looks_like_email, message = "must be an e-mail address" }

local function read_user(c)
  local body = input.body(c)
  local fields = {
    email = body:text("email", EMAIL),
    name = body:text("name", { most = 120 }),
    country_code = body:text("country_code", { most = 2 }),
  }
  local code = fields.country_code
  if code and not country:find(code) then
    body:reject("country_code", "unknown", "must be an ISO 3166 alpha-2 code, in capitals")
  end
  body:finish()
  return fields
end

routes:post("/users", function(c)
  local row = user:try_create(read_user(c))
  if not row then
    local problem = { ["in"] = "body", path = "email", code = "taken", message = "belongs to another user" }
    c:fail(409, { code = "email_taken", message = "this e-mail address is taken", details = { problem } })
  end
  return row, 201, { location = ("/api/v1/users/%d"):format(row.id) }
end)

routes:get("/users/:id", { params = input.ID }, function(c)
  return user:find(c.params.id) or c:fail(404, "no such user")
end)

routes:get("/users/:id/orders", { params = input.ID, max_queries = 5 }, function(c)
  local id = c.params.id
  if not user:find(id) then c:fail(404, "no such user") end
  local after, fetch = page.asked(c)
  local rows = order:whole():where{ user_id = id }:before(after or input.ID_MOST):limit(fetch):all()
  local found = page.of(rows, fetch)
  for i, row in ipairs(found.items) do
    found.items[i] = row:shown()
  end
  return found
end)

return routes
