--- What an app has, as lists for people and programs.
local compose = require "rille.compose"
local config = require("rille.config").current
local core = require "rille.core"
local place = require "rille.place"

local listing = {}

--- What stands behind `rille check`, `config` and `routes`: APP [--json].
-- @tparam string command its name
-- @tparam string help what is told when the words are others, and by --help
-- @treturn ?string the app's folder; nil when there is nothing to do but to leave
-- @treturn boolean|integer whether it is for a program; the exit status when there is no folder
function listing.words(command, help, ...)
  local root, is_json = nil, false
  for _, word in ipairs { ... } do
    if word == "--help" or word == "-h" then
      io.stdout:write(help)
      return nil, 0
    elseif word == "--json" then
      is_json = true
    elseif word:sub(1, 1) == "-" or root then
      io.stderr:write(("rille %s: unexpected argument '%s'\n%s"):format(command, word, help))
      return nil, 2
    else
      root = word
    end
  end
  if not root then
    return nil, 2
  end
  return root, is_json
end

local function name_of(route)
  if not route.options.name then
    return nil
  end
  local names = { unpack(route.names) }
  names[#names + 1] = route.options.name
  return table.concat(names, ".")
end

-- Rille's own middleware has no line of the app's.
local function places_of(chain)
  local places = {}
  for i, middleware in ipairs(chain) do
    places[i] = place.of(middleware) or "rille"
  end
  return places
end

--- An app's routes, mounted ones included, in the order in which they were written.
-- @tparam App app
-- @treturn {table,...} `method`, `path`, `name` (nil for one without), and as "file:line" `handler` and the list
-- `middleware`, from the outside in
function listing.routes(app)
  local rows = {}
  for i, route in ipairs((compose.routes(app))) do
    rows[i] = {
      method = route.method, path = route.path, name = name_of(route), handler = place.of(route.handler) or route.where,
      middleware = places_of(route.chain),
    }
  end
  return rows
end

--- Print rows of texts, in columns as wide as they need; the last one has no end.
-- @tparam {table,...} rows
-- @tparam string indent what stands before each
function listing.print(rows, indent)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, #text)
    end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, text in ipairs(row) do
      cells[i] = i == #row and text or text .. (" "):rep(widths[i] - #text)
    end
    print((indent .. table.concat(cells, "  "):gsub("%s+$", "")))
  end
end

--- Every setting, Rille's own and those that the app has declared so far; secrets masked.
-- @treturn {table,...} `name`, `value` as it was written, `source` ("default", "config/production.lua:3", "RILLE_PORT",
-- "--port"), and `app`: whether it is the app's
function listing.settings()
  local settings = {}
  local function add(rows, is_app)
    for _, row in ipairs(rows) do
      settings[#settings + 1] = { name = row.name, value = row.shown, source = row.place, app = is_app }
    end
  end
  add(core.sources.rows, false)
  add(config:rows(), true)
  return settings
end

local function print_some(title, settings, is_app)
  local rows = {}
  for _, one in ipairs(settings) do
    if one.app == is_app then
      rows[#rows + 1] = { one.name, one.value, one.source }
    end
  end
  if #rows > 0 then
    print(title)
    listing.print(rows, "  ")
  end
end

--- Print those, the app's behind Rille's.
-- @tparam {table,...} settings
function listing.print_settings(settings)
  print_some("settings", settings, false)
  print_some("settings of the app", settings, true)
end

return listing
