-- An app of its own, mounted in the one above: its modules are those below it.
local rille = require "rille"
local shared = require "models.shared"

local admin = rille.app()

admin:on_error("not_found", function(c) return "admin has no " .. c.path end)
admin:get("/", function() return shared.name end)

return admin
