local a = require "models.circle_a"
return a
