--- `rille exec APP FILE`: run a script with the app's modules and database.
local module = require "rille.module"

return function(root, path, ...)
  if not root or not path then
    io.stderr:write "usage: rille exec APP FILE [ARGUMENTS]\n"
    return 2
  end
  local result = module.loader(root).run(path, ...)
  return type(result) == "number" and result or 0
end
