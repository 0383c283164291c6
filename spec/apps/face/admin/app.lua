-- An app of its own, mounted in the one above: its modules are those below it.
local rille = require "rille"
local shared = require "models.shared"

local admin = rille.app()

admin:on_error("not_found", function(c) return "admin has no " .. c.path end)
admin:get("/", function() return shared.name end)
admin:get("/page", function(c) return c:render "page" end)
admin:get("/note", function() return rille.file "note.txt" end)
admin:get("/teapot", function() rille.fail(418, { code = "teapot" }) end)
admin:static("/files", "files")

return admin
