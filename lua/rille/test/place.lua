--- Which app a spec is about.
--
--     rille.test(app)                   this one
--     rille.test("apps/shop")           the one in this folder
--     rille.test()                      `rille spec --app DIR`; else ./app.lua; else the mirror of
--                                       the spec's path: spec/apps/shop_spec.lua and
--                                       spec/apps/shop/cart_spec.lua are about apps/shop
local contents = require "rille.contents"

local place = {
  --- The folder that `rille spec --app` named.
  chosen = nil,
}

local function has_app(dir)
  return contents.exists(dir .. "/app.lua")
end

-- The folders that a spec's path may mirror, the longest first.
local function mirrors(path)
  local rest = path:match "^spec/(.*)$" or path:match "/spec/(.*)$"
  local before = path:match "^(.*/)spec/" or ""
  local found = {}
  rest = rest and rest:gsub("_spec%.lua$", ""):gsub("%.lua$", "")
  while rest and rest ~= "" do
    found[#found + 1] = before .. rest
    rest = rest:match "^(.*)/[^/]*$"
  end
  return found
end

--- The folder of the app that the spec at `path` is about.
-- @tparam string path
-- @treturn string|nil
-- @treturn string where was looked
function place.of(path)
  if place.chosen then
    return place.chosen
  end
  if has_app "." then
    return "."
  end
  local tried = { "./app.lua" }
  for _, dir in ipairs(mirrors(path)) do
    if has_app(dir) then
      return dir
    end
    tried[#tried + 1] = dir .. "/app.lua"
  end
  return nil, table.concat(tried, ", ")
end

place.has_app = has_app

return place
