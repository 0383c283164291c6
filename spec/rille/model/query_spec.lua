-- Queries: what each method makes of the text and its values; nothing here asks a database.
local rille = require "rille"

describe("rille.model's queries", function()
  local post = rille.model "posts"

  -- What stands behind "from", and the values.
  local function behind(query, text, ...)
    local got, values = query:sql()
    assert.equal('select "posts".* from "posts"' .. text, got)
    assert.same({ ... }, values)
  end

  it("are all rows at first", function()
    behind(post, "")
  end)

  it("take conditions by column, and by text", function()
    behind(post:where { title = "x", id = 5 }, ' where "posts"."id" = $1 and "posts"."title" = $2', 5, "x")
    behind(post:where("id > ? and id < ?", 1, 9):where { is_open = false },
      ' where (id > $1 and id < $2) and "posts"."is_open" = $3', 1, 9, false)
    behind(post:where(rille.sql("id = ?", 3)), " where (id = $1)", 3)
  end)

  it("never change", function()
    local all = post:where { id = 1 }
    local some = all:where { title = "x" }
    behind(all, ' where "posts"."id" = $1', 1)
    behind(some:limit(3), ' where "posts"."id" = $1 and "posts"."title" = $2 limit $3', 1, "x", 3)
    behind(some:limit(9):offset(1):limit(3), ' where "posts"."id" = $1 and "posts"."title" = $2 limit $3 offset $4', 1, "x", 3, 1)
    behind(some, ' where "posts"."id" = $1 and "posts"."title" = $2', 1, "x")
  end)

  it("join conditions with or, and turn them round", function()
    behind(post:where { id = 1 }:where { title = "x" }:or_where { id = 2, title = "y" }:where { views = 3 },
      ' where ("posts"."id" = $1 and "posts"."title" = $2 or ("posts"."id" = $3 and "posts"."title" = $4)) and "posts"."views" = $5',
      1, "x", 2, "y", 3)
    behind(post:not_ { id = 1, title = "x" }, ' where not ("posts"."id" = $1 and "posts"."title" = $2)', 1, "x")
    behind(post:where { id = 1 }:where(post:where { views = 2 }:or_where("views is null")),
      ' where "posts"."id" = $1 and (("posts"."views" = $2 or ((views is null))))', 1, 2)
    behind(post:where { id = 1 }:fixed():or_where { id = 2 }, ' where "posts"."id" = $1 and ("posts"."id" = $2)', 1, 2)
  end)

  it("send lists as one value", function()
    behind(post:where_in("id", { 1, 2, 3 }):where_not_in("title", {}),
      ' where "posts"."id" = any($1) and "posts"."title" <> all($2)', rille.array { 1, 2, 3 }, rille.array {})
    local user = rille.model "users"
    behind(post:where { views = 1 }:where_in("user_id", user:where { name = "Ada" }:select "id"),
      ' where "posts"."views" = $1 and "posts"."user_id" in (select "users"."id" from "users" where "users"."name" = $2)', 1, "Ada")
    behind(post:where_exists(user:where("users.id = posts.user_id")):where_null "a":where_not_null "b",
      ' where exists (select "users".* from "users" where (users.id = posts.user_id)) and "posts"."a" is null and "posts"."b" is not null')
  end)

  it("leave a question mark alone that is none of theirs", function()
    behind(post:where([[tags ?? ? and a = '?''?' and "?" = $x$ ? $x$ /* ? */ and b = ')']], "x"),
      [[ where (tags ? $1 and a = '?''?' and "?" = $x$ ? $x$ /* ? */ and b = ')')]], "x")
  end)
end)
