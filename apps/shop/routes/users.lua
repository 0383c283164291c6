local rille = require "rille"
local input = require "input"
local page = require "page"
local order = require "models.order"
local db = rille.db

local COLUMNS = "id, email, name, country_code, created_at"

-- Only what every address has: something, one @, and a host. Whether it exists
-- shows when mail is sent, not in a pattern. The text is at most 254 bytes here.
local function looks_like_email(text)
  return #text <= 254 and text:find("^[^@%s%c]+@[^@%s%c]+$") ~= nil
end

local EMAIL = { most = 254, matches = looks_like_email, message = "must be an e-mail address" }

local function read_user(c)
  local body = input.body(c)
  local user = {
    email = body:text("email", EMAIL),
    name = body:text("name", { most = 120 }),
    country_code = body:text("country_code", { most = 2 }),
  }
  local code = user.country_code
  if code and not db:one("select code from countries where code = $1", code) then
    body:reject("country_code", "unknown", "must be an ISO 3166 alpha-2 code, in capitals")
  end
  body:finish()
  return user
end

return function(api)
  api:post("/users", function(c)
    local user = read_user(c)
    -- The index decides, not a look beforehand: two requests at once would both find the address free.
    local row = db:one([[
      insert into users (email, name, country_code) values ($1, $2, $3)
      on conflict (lower(email)) do nothing returning ]] .. COLUMNS,
      user.email, user.name, user.country_code)
    if not row then
      local problem = { ["in"] = "body", path = "email", code = "taken", message = "belongs to another user" }
      c:fail(409, { code = "email_taken", message = "this e-mail address is taken", details = { problem } })
    end
    return row, 201, { location = ("/api/v1/users/%d"):format(row.id) }
  end)

  api:get("/users/:id", function(c)
    local id = input.id(c.params.id)
    return id and db:one("select " .. COLUMNS .. " from users where id = $1", id)
        or c:fail(404, "no such user")
  end)

  api:get("/users/:id/orders", function(c)
    local id = input.id(c.params.id)
    if not id or not db:one("select id from users where id = $1", id) then
      c:fail(404, "no such user")
    end
    local after, fetch = page.asked(c)
    return page.of(order.of_user(id, after or input.ID_MOST, fetch), fetch)
  end)
end
