--- Which files of the folder a spec file's process has read: its own modules, the app's, their templates.
local contents = require "rille.contents"
local lfs = require "lfs"

local loads = {}

local seen -- paths, as keys; nil while nobody asks

--- Begin to look.
function loads.record()
  seen = {}
  contents.on_read = function(path) seen[path] = true end
  local load_lua = package.loaders[2] -- Lua's own, of what the specs require
  package.loaders[2] = function(name)
    local path = package.searchpath(name, package.path)
    if path then
      seen[path] = true
    end
    return load_lua(name)
  end
end

--- Whether this process looks.
-- @treturn boolean
function loads.records()
  return seen ~= nil
end

--- A path below the folder we are in, in one form.
-- @tparam string path
-- @treturn ?string nil for one elsewhere
function loads.plain(path)
  local here = lfs.currentdir() .. "/"
  path = (path:sub(1, #here) == here and path:sub(#here + 1) or path):gsub("%f[^%z/]%./", "")
  return path:sub(1, 1) ~= "/" and path or nil
end

--- What was read until now.
-- @treturn {string,...} paths
function loads.list()
  local list = {}
  for path in pairs(seen) do
    list[#list + 1] = loads.plain(path)
  end
  return list
end

return loads
