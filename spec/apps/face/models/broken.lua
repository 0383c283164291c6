local rille = require "rille"

return rille.nothing.at_all
