--- A table of names in which a name that it does not have is a slip: who asks for it is told which one was meant.
local keys = require "rille.keys"
local later = require "rille.later"
local slip = require "rille.slip"

local function refuse(names, modules, what, key)
  local all = {}
  for _, from in ipairs { names, modules } do
    for name in pairs(from) do
      all[name] = true
    end
  end
  error((slip.text(what, key, keys.sorted(all))), 3)
end

--- Have `names` raise for a name that is not there.
-- @tparam table names
-- @tparam string what it is called: "rille.schema"
-- @tparam[opt] table modules names that are there once they are asked for, and the modules that they are
return function(names, what, modules)
  modules = modules or {}
  setmetatable(names, {
    __index = function(_, key)
      if not modules[key] then
        refuse(names, modules, what, key)
      end
      names[key] = later.load(modules[key])
      return names[key]
    end,
  })
end
