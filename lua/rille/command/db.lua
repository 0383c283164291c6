--- `rille db start|stop|url|status [FOLDER]`: a private PostgreSQL cluster in a
-- folder, `.rille/pg` unless said otherwise.
local cluster = require "rille.cluster"

local ACTIONS = {
  start = function(dir) print(cluster.start(dir)) end,
  stop = function(dir) cluster.stop(dir) end,
  url = function(dir)
    local url = cluster.url(dir)
    if not url then
      io.stderr:write(("rille: there is no database cluster in %s: `rille db start` makes one\n"):format(dir))
      return 1
    end
    print(url)
  end,
  status = function(dir) print(cluster.status(dir)) end,
}

return function(action, dir)
  local act = ACTIONS[action]
  if not act then
    io.stderr:write "usage: rille db start|stop|url|status [FOLDER]\n"
    return 2
  end
  return act(dir or ".rille/pg") or 0
end
