local rille = require "rille"

local post = rille.model("posts", { hidden = { "notes" } })

function post.query:published()
  return self:where { is_published = true }
end

return post
