local rille = require "rille"
local app = rille.app()

app:config { greeting = rille.schema.string():default "hello" }
app:get("/", function() return rille.config.greeting end)

return app
