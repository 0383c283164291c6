--- Modules of Rille's that are loaded when they are first used: a server starts with what its app asks for.
--
--     local migrate = later.of "rille.migrate"    at the head of a file, as any `require`
--     migrate.problem(db, folder)                 loaded here
--
-- For what most apps do without: with all of it a start would cost twice as much.
local later = {}

--- A module, loaded now unless it is there already.
-- @tparam string name "rille.schema"
-- @return what its file returns
-- @raise as `require`, which may be tried again
function later.load(name)
  local ok, module = pcall(require, name)
  if ok then
    return module
  end
  -- Memory may have ended midway. What has begun to load is marked, by a number, and `require` would take it for a circle.
  for key, mark in pairs(package.loaded) do
    if type(mark) == "number" then
      package.loaded[key] = nil
    end
  end
  error(module, 0)
end

--- The functions of a module, which is loaded when one of them is called; until then another function stands for each.
-- Nothing else of it is to be had.
-- @tparam string name "rille.migrate"
-- @treturn table of functions
function later.of(name)
  local module
  return setmetatable({}, {
    __index = function(functions, key)
      if module then
        functions[key] = module[key]
        return module[key]
      end
      return function(...)
        module = module or later.load(name)
        return module[key](...)
      end
    end,
  })
end

return later
