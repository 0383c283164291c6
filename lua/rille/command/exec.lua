--- `rille exec APP FILE`: run a script with the app's modules and database.
local cluster = require "rille.cluster"
local core = require "rille.core"
local module = require "rille.module"

return function(root, path, ...)
  if not root or not path then
    io.stderr:write "usage: rille exec APP FILE [ARGUMENTS]\n"
    return 2
  end
  cluster.stand_in(core.settings)
  local result = module.loader(root).run(path, ...)
  return type(result) == "number" and result or 0
end
