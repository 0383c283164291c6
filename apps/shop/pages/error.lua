-- Errors as pages, for who looks at pages; the API's clients and curl get JSON.

local view = require "view"

local TITLES = {
  [403] = "Not allowed", [404] = "Nothing here", [405] = "Not possible here", [410] = "No longer sold", [413] = "Too much",
  [422] = "That does not fit", [503] = "Closed for a moment",
}

local function wants_page(c)
  local accept = c.headers.accept
  return accept ~= nil and accept:find("text/html", 1, true) ~= nil and c.path:sub(1, 5) ~= "/api/"
end

--- For app:on_error.
return function(c, err)
  if not wants_page(c) then return end
  return view(c, "error", {
    title = TITLES[err.status] or "Something went wrong",
    message = err.message, status = err.status, request_id = c.request_id,
  }), err.status, err.headers
end
