-- Waits while it loads: others that require it meanwhile wait, too.
local rille = require "rille"

rille.sleep "30ms"
return { loaded = tostring({}) }
