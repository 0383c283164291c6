--- What is at hand at the console: the app, its models by name, Rille, and what was assigned there.
local core = require "rille.core"
local grid = require "rille.console.grid"
local keys = require "rille.keys"
local rille = require "rille"
local tasks = require "rille.task"

local hand = {}

-- "OrderItem" for models/order_item.lua.
local function name_of_model(file)
  return (("_" .. file):gsub("_(%w)", string.upper):gsub("_", ""))
end

local function models_in(root)
  local models = {}
  for _, file in ipairs(core.file_names(root .. "/models") or {}) do
    local name = file:match "^([%a_][%w_]*)%.lua$"
    if name then
      models[name_of_model(name)] = "models." .. name
    end
  end
  return models
end

local HAS_ROWS = { select = true, with = true, values = true, table = true, show = true, explain = true }

-- Print what a statement gives.
local function sql_of(width)
  return function(text, ...)
    local word = text:match "^%s*(%a+)"
    if word and HAS_ROWS[word:lower()] or text:lower():find "%sreturning%s" then
      print(grid.of(rille.db:query(text, ...), width()))
    else
      local count = rille.db:exec(text, ...)
      print(("%d row%s"):format(count, count == 1 and "" or "s"))
    end
  end
end

-- A task of a line would end with it; here it is wanted by later ones. And what is there only when it is asked for is to be
-- seen by who completes a name.
local function rille_of_console()
  return setmetatable({ spawn = tasks.background, schema = rille.schema }, { __index = rille })
end

--- An environment for what is typed. Reading a model's name loads it, which may **yield**.
-- @tparam function width of the terminal, in columns
-- @treturn table the environment
-- @treturn table `put(app, loader, root)`: the app that was loaded; `names()` of all that is there, as keys; `models()`: of
-- those alone, a list
function hand.new(width)
  local at_hand = { rille = rille_of_console(), db = rille.db, sql = sql_of(width) }
  local models, env = {}, {}
  setmetatable(env, { __index = function(_, key)
    if at_hand[key] ~= nil then
      return at_hand[key]
    elseif models[key] then
      return at_hand.require(models[key])
    end
    return _G[key]
  end })
  local face = {}
  function face.put(app, loader, root)
    at_hand.app, at_hand.require, models = app, loader.require, models_in(root)
  end
  function face.names()
    local names = {}
    for _, from in ipairs { env, at_hand, models, _G } do
      for name in pairs(from) do
        names[name] = true
      end
    end
    return names
  end
  --- The models' names, sorted.
  function face.models()
    return keys.sorted(models)
  end
  return env, face
end

return hand
