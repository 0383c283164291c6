--- Invoices: one for an order that was paid, whose number is its own.

local rille = require "rille"

return rille.model("invoices", { belongs_to = { order = "models.order" } })
