--- Users: known by their e-mail address, whatever its case.

local rille = require "rille"
local db = rille.db

local user = {}

local COLUMNS = "id, email, name, country_code, created_at"

--- **Yields.**
-- @treturn row|nil
function user.find(id)
  return db:one("select " .. COLUMNS .. " from users where id = $1", id)
end

--- Create a user. **Yields.**
-- The index decides, not a look beforehand: two requests at once would both find the address free.
-- @tparam table fields email, name, country_code
-- @treturn row|nil nil when the address is another's
function user.create(fields)
  return db:one([[
    insert into users (email, name, country_code) values ($1, $2, $3)
    on conflict (lower(email)) do nothing returning ]] .. COLUMNS,
    fields.email, fields.name, fields.country_code)
end

--- The user with this address, created if need be. **Yields.**
-- One who is known keeps name and country: whoever types an address has not
-- proven that it is theirs to change.
-- @treturn row
function user.of_email(fields)
  return user.create(fields)
      or db:one("select " .. COLUMNS .. " from users where lower(email) = lower($1)", fields.email)
end

return user
