--- A database of posts and what belongs to them, and models of it: for the specs about relations.
local private = require "spec.rille.db.private"
local rille = require "rille"

local blog = {}

local TABLES = [[
create table users (id bigint generated always as identity primary key, name text not null);
create table posts (id bigint generated always as identity primary key, user_id bigint, title text not null, likes int);
create table comments (id bigint generated always as identity primary key, post_id bigint not null, user_id bigint,
  body text not null, stars int not null default 0, deleted_at timestamptz);
create table images (id bigint generated always as identity primary key, owner_type text, owner_id bigint, path text not null);
create table tags (id int primary key, name text not null);
create table post_tags (post_id bigint not null, tag_id int not null, primary key (post_id, tag_id));
create table nodes (id int primary key, parent_id int, name text not null);
insert into users (name) values ('Ada'), ('Bob'), ('Cyd');
insert into posts (user_id, title, likes) values (1, 'a', 1), (1, 'b', 2), (2, 'c', 3), (null, 'd', 4), (99, 'e', 5);
insert into comments (post_id, user_id, body, stars) select (n - 1) % 3 + 1, n % 2 + 1, 'c' || n, n from generate_series(1, 9) n;
insert into images (owner_type, owner_id, path) values ('post', 1, 'p1'), ('user', 1, 'u1'), ('post', 2, 'p2'), (null, null, '-');
insert into tags values (1, 'x'), (2, 'y'), (3, 'z');
insert into post_tags values (1, 1), (1, 2), (2, 1);
insert into nodes values (1, null, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf');]]

--- Start it.
-- @treturn table db, and the models user, post, comment, image, tag, node
-- @treturn function that ends it
function blog.start(options)
  local db, stop = private.start(options)
  db:script(TABLES)
  local b = { db = db }
  local function named(name) return function() return b[name] end end
  b.user = rille.model("users", {
    db = db,
    has_many = { posts = named "post", comments = named "comment", commented = { named "post", through = "comments" } },
    has_one = { face = { named "image", as = "owner" } },
  })
  b.post = rille.model("posts", {
    db = db,
    belongs_to = { author = { b.user, key = "user_id" } },
    has_one = { cover = { named "image", as = "owner" }, last_comment = { named "comment", order = "-id" } },
    has_many = {
      comments = { named "comment", order = "id" }, best = { named "comment", order = "-stars", limit = 2 },
      starred = { named "comment", where = { "stars > ?", 4 }, order = "id" },
      commenters = { b.user, through = "comments", source = "author", order = "id" },
    },
    many_to_many = { tags = { named "tag", table = "post_tags", order = "id" } },
  })
  b.comment = rille.model("comments", {
    db = db, soft_delete = true, belongs_to = { post = b.post, author = { b.user, key = "user_id" } },
  })
  b.image = rille.model("images", { db = db, belongs_to = { owner = { polymorphic = { post = b.post, user = b.user } } } })
  b.tag = rille.model("tags", { db = db, many_to_many = { posts = { b.post, table = "post_tags", order = "id" } } })
  b.node = rille.model("nodes", {
    db = db, belongs_to = { parent = named "node" }, has_many = { children = { named "node", key = "parent_id", order = "id" } },
  })
  return b, stop
end

return blog
