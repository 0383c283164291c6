--- Loading an app's own files.
--
-- `require "models.post"` starts at the folder of the requiring file's app.lua:
-- an app that is mounted in another keeps its own modules. It is written in Lua,
-- so a module may wait (query the database) while it loads, which the standard
-- require cannot. A file's globals are its mistakes: assigning one is an error.
local contents = require "rille.contents"
local core = require "rille.core"
local forwarding = require "rille.coroutine"
local line = require "rille.line"
local place = require "rille.place"

local module = {}

-- The folder of each app whose files run in this environment.
local roots = setmetatable({}, { __mode = "k" })

-- Lua's own libraries that make every request of a worker wait.
local BLOCKING = { socket = true, ["socket.http"] = true, ["socket.smtp"] = true, ["ssl.https"] = true }

local function index_missing(_, key)
  return _G[key]
end

local function assign_global(_, key)
  error(("assigning the global '%s': write `local %s`"):format(tostring(key), tostring(key)), 2)
end

-- A file's text, as the app's generation has it; else the disk's. Nil when there is none.
local function read(path)
  local text = core.source(path)
  if text ~= nil then
    return text or nil
  end
  return (contents.of(path))
end

local function exists(path)
  local text = core.source(path)
  if text ~= nil then
    return text ~= false
  end
  return contents.exists(path)
end

local function find(root, name)
  local base = root .. "/" .. name:gsub("%.", "/")
  for _, path in ipairs { base .. ".lua", base .. "/init.lua" } do
    if exists(path) then
      return path
    end
  end
end

-- The folder of the app that the file belongs to: the nearest one with an app.lua.
local function root_of(path, top)
  local folder = path:match "^(.*)/[^/]*$"
  while #folder > #top do
    if exists(folder .. "/app.lua") then
      return folder
    end
    folder = folder:match "^(.*)/[^/]*$"
  end
  return top
end

-- ---- whose mistake it is ------------------------------------------------------

-- The module that each coroutine is loading.
local innermost = {}

--- The module that is being loaded here: what its last line calls has no frame of its file above it.
-- @treturn ?table path, and `require` as its file has it; nil where none is
function module.innermost()
  return innermost[core.here() or 0]
end

-- `return require "x"` leaves no frame of the file that says it: there the line is one that has both words.
local function line_of_tail(name)
  local loading, number = module.innermost(), 0
  for text in (loading and read(loading.path) or ""):gmatch "([^\n]*)\n?" do
    number = number + 1
    if text:find("require", 1, true) and text:find(name, 1, true) then
      return ("%s:%d"):format(loading.path, number)
    end
  end
  return loading and loading.path or place.nearest()
end

-- Where `name` was asked for; nil where nobody can tell.
local function place_of(name, level)
  return place.own(level + 1) or line_of_tail(tostring(name))
end

local function refuse(message, name, level)
  local at = place_of(name, level + 1)
  error(at and at .. ": " .. message or message, 0)
end

-- ---- one at a time -----------------------------------------------------------

-- Whether `here` waits, through others that load, for what itself is loading.
local function is_circle(files, path, here)
  while path do
    local loading = files.loading[path]
    if not loading then
      return false
    elseif loading.by == here then
      return true
    end
    path = loading.by and files.waiting[loading.by]
  end
  return false
end

-- Wait until whoever loads `path` has done so, or failed.
local function wait_for(files, path, name, level)
  local here = core.here()
  if not here or is_circle(files, path, here) then
    refuse(("module '%s' is required while it is still loading: two modules need each other"):format(name), name, level + 1)
  end
  files.waiting[here] = path
  local ok, err = pcall(function() line.stand(files.loading[path].waiting) end)
  files.waiting[here] = nil
  if not ok then
    error(err, 0)
  end
end

local function load_once(files, path, run, loader)
  local loading = { by = core.here(), waiting = line.new() }
  local key = loading.by or 0
  local around = innermost[key]
  files.loading[path], innermost[key] = loading, { path = path, require = loader.require }
  local ok, value = pcall(run)
  innermost[key] = around
  files.loading[path] = nil
  line.wake_all(loading.waiting)
  if not ok then
    error(value, 0)
  end
  if value == nil then
    value = true
  end
  files.loaded[path] = value
  return value
end

-- ---- loaders --------------------------------------------------------------------

local loader_for

local function warn_blocking(name, level)
  core.log("warn", ("'%s' blocks: every request of this worker waits for its calls"):format(name), "where",
    place_of(name, level + 1) or "?")
end

-- Not one of the app's: Lua's own, Rille's, or what LuaRocks installed.
local function require_other(files, root, name, level)
  if BLOCKING[name] and not files.warned[name] then
    files.warned[name] = true
    warn_blocking(name, level + 1)
  end
  local ok, value = pcall(require, name)
  if ok then
    return value
  end
  if type(value) == "string" and value:find(("module '%s' not found"):format(name), 1, true) then
    refuse(("there is no module '%s': neither a file %s/%s.lua nor one of lua_modules or Lua itself"):format(
      name, root, (name:gsub("%.", "/"))), name, level + 1)
  end
  error(value, 0)
end

function loader_for(root, files)
  local loader = {}
  local env = { coroutine = forwarding }
  env._G = env

  --- Run one file of the app; returns what it returns. **Yields** if the file does.
  function loader.run(path, ...)
    local text = read(path)
    if not text then
      error(("cannot open %s"):format(path), 0)
    end
    local chunk, err = load(text:gsub("^#[^\n]*", ""), "@" .. path, "t") -- #! is the shell's line
    if not chunk then
      error(err, 0)
    end
    return setfenv(chunk, env)(...)
  end

  function loader.require(name)
    if type(name) ~= "string" then
      refuse("require takes a module's name: got a " .. type(name), name, 2)
    end
    local path = find(root, name)
    if not path then
      return (require_other(files, root, name, 2))
    end
    while files.loading[path] do
      wait_for(files, path, name, 2)
    end
    if files.loaded[path] ~= nil then
      return files.loaded[path]
    end
    local owner = root_of(path, root)
    local runner = owner == root and loader or files.loaders[owner] or loader_for(owner, files)
    return (load_once(files, path, function() return runner.run(path, name) end, runner))
  end

  env.require = loader.require
  setmetatable(env, { __index = index_missing, __newindex = assign_global })
  roots[env] = root
  files.loaders[root] = loader
  return loader
end

--- The folder of the app that the function at `level` belongs to.
-- @tparam integer level as `error` takes it
-- @treturn ?string nil for a function of no app's file
function module.root(level)
  local info = debug.getinfo(level + 1, "f")
  return info and roots[getfenv(info.func)]
end

--- A loader for the app in `root`.
-- @tparam string root the folder of app.lua
-- @treturn table with `require(name)` and `run(path)`
function module.loader(root)
  -- What LuaRocks installs into the app's folder: luarocks install --tree lua_modules …
  local shared = root .. "/lua_modules/share/lua/5.1/"
  package.path = shared .. "?.lua;" .. shared .. "?/init.lua;" .. package.path
  package.cpath = root .. "/lua_modules/lib/lua/5.1/?.so;" .. package.cpath
  return loader_for(root, { loaders = {}, loaded = {}, loading = {}, waiting = {}, warned = {} })
end

return module
