--- What `rille new` writes: the app itself.
--
-- Texts by path; NAME stands for the project's name.
return {
  ["app.lua"] = [=[
-- NAME: what there is, and where.
--
--   routes/      reads requests, answers them
--   models/      the tables, and what is done with them in more than one place
--   views/       the pages
--   migrations/  how the tables came to be
--   spec/        what is promised of all this
local rille = require "rille"

local app = rille.app()

app:views { layout = "layout" }
app:on_response(rille.mw.security_headers())
app:mount("", require "routes.posts")
app:get("/livez", function() return "ok" end) -- the container's health check asks: the process is there

return app
]=],

  ["routes/posts.lua"] = [=[
-- Posts and their comments: the list as a page, all of it as JSON.
local rille = require "rille"
local post = require "models.post"

local v = rille.schema
local routes = rille.routes()

local new_post = v.object { title = v.string { min = 1, max = 80 }, body = v.string { min = 1, max = 10000 } }
local new_comment = v.object { author = v.string { min = 1, max = 40 }, body = v.string { min = 1, max = 1000 } }
local one_post = v.object { id = v.integer { min = 1 } }

routes:get("/", function(c)
  return c:render("posts", { posts = post:newest():all() })
end)

routes:get("/posts", function(c)
  return post:newest():page { after = c.query.after, limit = 20 }
end)

routes:post("/posts", { body = new_post }, function(c)
  return post:create(c.body), 201
end)

routes:get("/posts/:id", { params = one_post, name = "post" }, function(c)
  return post:preload("comments"):get(c.params.id)
end)

routes:post("/posts/:id/comments", { params = one_post, body = new_comment }, function(c)
  return post:get(c.params.id).comments:create(c.body), 201
end)

return routes
]=],

  ["models/post.lua"] = [=[
-- Posts. Their columns are those of the table.
local rille = require "rille"

local post = rille.model("posts", {
  has_many = { comments = { "models.comment", order = "id" } },
})

-- What is new comes first.
function post.query:newest()
  return self:order("-id")
end

return post
]=],

  ["models/comment.lua"] = [=[
-- Comments, each on a post.
local rille = require "rille"

return rille.model("comments", {
  belongs_to = { post = "models.post" },
})
]=],

  ["migrations/0001_create_posts.sql"] = [=[
-- migrate:up
create table posts (
    id         bigint generated always as identity primary key,
    title      text not null,
    body       text not null,
    created_at timestamptz not null default now()
);
create table comments (
    id         bigint generated always as identity primary key,
    post_id    bigint not null references posts on delete cascade,
    author     text not null,
    body       text not null,
    created_at timestamptz not null default now()
);
create index comments_post_id_idx on comments (post_id);

-- migrate:down
drop table comments, posts;
]=],

  ["views/layout.etlua"] = [=[
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title><%- yield("title", "NAME") %></title>
</head>
<body>
  <main>
<%- yield() %>
  </main>
</body>
</html>
]=],

  ["views/posts.etlua"] = [=[
<% block "title" %>Posts<% end -%>
<h1>Posts</h1>
<% if #posts == 0 then -%>
<p>There is nothing here yet: POST /posts makes the first.</p>
<% end -%>
<% for _, post in ipairs(posts) do -%>
<article>
  <h2><a href="<%= url_for("post", { id = post.id }) %>"><%= post.title %></a></h2>
  <p><%= post.body %></p>
  <p>Comments: <%= post.comments_count %></p>
</article>
<% end -%>
]=],

  ["config/development.lua"] = [=[
-- Settings while it is being written; `rille --help` lists them all.
return {
  port = 8080,
  log_level = "info",
}
]=],

  ["config/production.lua"] = [=[
-- Settings in production. DATABASE_URL, and whatever is secret, comes from the environment.
return {
  port = 8080,
}
]=],

  ["spec/factories.lua"] = [=[
-- What examples are not about: t.create "comment" makes one, and the post it is on.
factory("post", {
  title = function(n) return "Post " .. n end,
  body = "There is much to say.",
})

factory("comment", { author = "Ada", body = "Quite so." })
]=],

  ["spec/posts_spec.lua"] = [=[
local t = require("rille").test()

describe("posts", function()
  local api

  before_each(function() api = t:client { headers = { accept = "application/json" } } end)

  it("are written and read", function()
    local made = api:post("/posts", { json = { title = "Tea", body = "With milk." } })
    assert.equal(201, made.status)
    assert.equal("Tea", api:get("/posts/" .. made.json.id).json.title)
  end)

  it("need a title", function()
    local res = api:post("/posts", { json = { title = "", body = "…" } })
    assert.equal(422, res.status)
    assert.equal("title", res.json.error.details[1].path)
  end)

  it("are listed, newest first", function()
    t.create("post", { title = "old" })
    t.create("post", { title = "new" })
    assert.equal("new", api:get("/posts").json.items[1].title)
  end)

  it("have comments", function()
    local one = t.create "post"
    assert.equal(201, api:post("/posts/" .. one.id .. "/comments", { json = { author = "Bob", body = "First!" } }).status)
    assert.equal("First!", api:get("/posts/" .. one.id).json.comments[1].body)
  end)

  it("that are not there are not found", function()
    assert.equal(404, api:get("/posts/1").status)
  end)

  it("make a page in two statements, however many they are", function()
    t.create_list("comment", 3)
    assert.queries(2, function() assert.matches("Comments: 1", t:client():get("/").body, 1, true) end)
  end)
end)
]=],
}
