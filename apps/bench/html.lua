-- Text that may stand anywhere in an HTML page.

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Escape what HTML gives a meaning to, in text and in quoted attributes alike.
-- @tparam string text
-- @treturn string
local function escape(text)
  return (text:gsub("[&<>\"']", ENTITIES))
end

return escape
