--- What became of orders and products, and when.

local rille = require "rille"

return rille.model("events", {
  belongs_to = {
    subject = { polymorphic = { order = "models.order", product = "models.product" }, with_deleted = true },
  },
  hidden = { "subject_type", "subject_id" }, -- who asks has the subject
  strict = true, -- a list is of many subjects, of two kinds: who wants them says so
})
