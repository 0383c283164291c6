--- What an app asked to have run when a worker begins to serve, and when it has
-- stopped: app:on_start, app:on_stop. C runs this module's function at both.
local core = require "rille.core"

local apps = {} -- the booted app and those mounted in it, from the outside in

local lifecycle = {}

--- The app that serves from now on.
-- @tparam {App,...} list the app and all that are mounted in it
function lifecycle.set(list)
  apps = list
end

local HOOKS = { start = "start_hooks", stop = "stop_hooks" }

-- At a stop every hook gets its turn, whatever the others did.
local function run_hook(hook, action)
  if action == "start" then
    return hook()
  end
  local ok, err = pcall(hook)
  if not ok then
    core.log("error", "app:on_stop failed", "error", tostring(err))
  end
end

return setmetatable(lifecycle, {
  __call = function(_, action)
    for _, app in ipairs(apps) do
      for _, hook in ipairs(app[HOOKS[action]]) do
        run_hook(hook, action)
      end
    end
  end,
})
