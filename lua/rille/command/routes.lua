--- `rille routes APP [--json]`: method, path, name, handler and middleware of each route.
local App = require "rille.app"
local config = require("rille.config").current
local core = require "rille.core"
local listing = require "rille.listing"

local HELP = [[
usage: rille routes APP [--json] [settings]

The routes of the app in folder APP, in the order in which they were written: method, path, name, the line
of the handler, and those of the middleware around it, from the outside in.

examples:
  rille routes .
  rille routes apps/shop --json
]]

local function print_rows(rows)
  local texts = {}
  for i, row in ipairs(rows) do
    texts[i] = { row.method, row.path, row.name or "", row.handler, table.concat(row.middleware, " ") }
  end
  listing.print(texts, "")
end

return function(...)
  local root, is_json = listing.words("routes", HELP, ...)
  if not root then
    return is_json
  elseif core.sources.problems ~= "" then
    io.stderr:write(core.sources.problems)
    return 1
  end
  local app = App.load(root)
  config:finish()
  app:build()
  local rows = core.array(listing.routes(app))
  for _, row in ipairs(rows) do
    core.array(row.middleware)
  end
  if is_json then
    print(core.json_encode(rows))
  else
    print_rows(rows)
  end
  return 0
end
