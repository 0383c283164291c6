--- rille.cluster, for specs: where SPEC_CLUSTER names a cluster that is stopped, a new one is a copy of it.
--
-- initdb takes a second of a processor, and the suite wants a hundred clusters: it makes one, and names it.
local lfs = require "lfs"
local made = require "rille.cluster"
local shell = require "spec.shell"

local cluster = setmetatable({}, { __index = made })

--- As that of rille.cluster.
function cluster.start(dir, options)
  local model = os.getenv "SPEC_CLUSTER"
  if model and not lfs.attributes(dir) then
    shell.run(("cp -a %s %s"):format(shell.quoted(model), shell.quoted(dir)))
  end
  return made.start(dir, options)
end

return cluster
