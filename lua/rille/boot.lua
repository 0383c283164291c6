--- Load the app in a folder, and hand its routes to the server.
local App = require "rille.app"
local module = require "rille.module"

return function(root)
  local loader = module.loader(root)
  local app = loader.run(root .. "/app.lua")
  if not App.is(app) then
    error(("%s/app.lua returned a %s: its last line must be `return app`"):format(root, type(app)), 0)
  end
  app:build()
  return 0
end
