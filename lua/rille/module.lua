--- Loading an app's own files.
--
-- `require "models.post"` starts at the app's folder. It is written in Lua, so a
-- module may wait (query the database) while it loads, which the standard
-- require cannot. A file's globals are its mistakes: assigning one is an error.
local forwarding = require "rille.coroutine"

local module = {}

local function index_missing(_, key)
  return _G[key]
end

local function assign_global(_, key)
  error(("assigning the global '%s': write `local %s`"):format(tostring(key), tostring(key)), 2)
end

--- A loader for the app in `root`.
-- @tparam string root the folder of app.lua
-- @treturn table with `require(name)` and `run(path)`
function module.loader(root)
  local loader, loaded, loading = {}, {}, {}
  local env = { coroutine = forwarding }
  env._G = env

  -- What LuaRocks installs into the app's folder: luarocks install --tree lua_modules …
  local shared = root .. "/lua_modules/share/lua/5.1/"
  package.path = shared .. "?.lua;" .. shared .. "?/init.lua;" .. package.path
  package.cpath = root .. "/lua_modules/lib/lua/5.1/?.so;" .. package.cpath

  local function path_of(name)
    return root .. "/" .. name:gsub("%.", "/") .. ".lua"
  end

  --- Run one file of the app; returns what it returns. **Yields** if the file does.
  function loader.run(path, ...)
    local chunk, err = loadfile(path)
    if not chunk then
      error(err, 0)
    end
    return setfenv(chunk, env)(...)
  end

  function loader.require(name)
    if type(name) ~= "string" then
      error("require takes a module's name: got a " .. type(name), 2)
    end
    local value = loaded[name]
    if value ~= nil then
      return value
    end
    local path = path_of(name)
    local file = io.open(path, "r")
    if not file then
      return require(name)
    end
    file:close()
    if loading[name] then
      error(("module '%s' is required while it is still loading: two modules need each other"):format(name), 2)
    end
    loading[name] = true
    value = loader.run(path, name)
    loading[name] = nil
    if value == nil then
      value = true
    end
    loaded[name] = value
    return value
  end

  env.require = loader.require
  setmetatable(env, { __index = index_missing, __newindex = assign_global })
  return loader
end

return module
