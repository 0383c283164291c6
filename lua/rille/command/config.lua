--- `rille config APP [--json]`: every setting, its value, and where that came from.
--
-- The app is loaded, as only that knows which settings it has; nothing is asked of its database for it.
local App = require "rille.app"
local core = require "rille.core"
local listing = require "rille.listing"

local USAGE = "usage: rille config APP [--json] [settings]\n"

-- What is wrong with them, a line each; and with the app, which then may have others than those that are listed.
local function problems_of(root)
  local problems = core.array {}
  for line in core.sources.problems:gmatch "[^\n]+" do
    problems[#problems + 1] = line
  end
  for _, problem in ipairs((select(2, App.try_load(root)))) do
    problems[#problems + 1] = problem
  end
  return problems
end

return function(...)
  local root, is_json = listing.words("config", USAGE, ...)
  if not root then
    return is_json
  end
  local problems = problems_of(root)
  local settings = core.array(listing.settings())
  if is_json then
    print(core.json_encode { env = core.settings.env, settings = settings, problems = problems })
  else
    listing.print_settings(settings)
  end
  for _, problem in ipairs(is_json and {} or problems) do
    io.stdout:flush()
    io.stderr:write("rille config: ", problem, "\n")
  end
  return #problems == 0 and 0 or 1
end
