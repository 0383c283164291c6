--- Relations that come in the same statement.
local blog = require "spec.rille.model.blog"
local rille = require "rille"
local statements = require "rille.test.statements"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(type(why) == "table" and why.message or why), 1, true)
end

describe("joined", function()
  local b, stop, post

  setup(function()
    b, stop = blog.start()
    post = b.post:order "id"
    for _, model in pairs { b.user, post, b.comment, b.image, b.tag, b.node } do
      model:count()
    end
  end)

  teardown(function() stop() end)

  local function json(value)
    return rille.json.encode(value)
  end

  it("brings a row of each in one statement", function()
    local posts
    assert.equal(1, #statements.during(function()
      posts = post:joined("author", "cover", { last_comment = { "author" } }):all()
      assert.same({ "Ada", "p1", "c7", "Bob" }, { posts[1].author.name, posts[1].cover.path, posts[1].last_comment.body,
        posts[1].last_comment.author.name })
      assert.is_true(posts[4].author == nil and posts[5].author == nil and posts[4].cover == nil and posts[4].last_comment == nil)
    end))
    assert.equal(posts[1].author, posts[2].author)
    assert.equal(2, #posts[1].author.posts)
    assert.equal(5, #posts)
    local plain = post:preload("author", "cover", { last_comment = "author" }):all()
    assert.equal(json(plain), json(posts))
  end)

  it("has its columns in reach of conditions and order", function()
    local posts = b.post:joined("author", { last_comment = "author" }):where { ["author.name"] = "Ada", id = 2 }:all()
    assert.same({ 1, "b", "Ada" }, { #posts, posts[1].title, posts[1].author.name })
    posts = b.post:joined("author"):order("-author.name", "id"):where_not_null("author.id"):all()
    assert.same({ "Bob", "Ada", "a" }, { posts[1].author.name, posts[2].author.name, posts[2].title })
    posts = b.post:joined({ last_comment = "author" }):where("last_comment_author.name = ?", "Ada"):order("id"):all()
    assert.same({ "b" }, { posts[1].title })
    assert.equal(3, b.post:joined("author"):where_not_null("author.id"):count())
    assert.is_true(b.post:joined("author"):where { ["author.name"] = "Bob" }:exists())
  end)

  it("joins a table with itself", function()
    local nodes = b.node:joined({ parent = "parent" }):order("id"):all()
    assert.equal("root", nodes[4].parent.parent.name)
    assert.is_nil(nodes[1].parent)
    assert.is_nil(nodes[2].parent.parent)
    assert.equal(nodes[2].parent, nodes[3].parent)
  end)

  it("goes with preloads, limits and single rows", function()
    local one = b.post:joined("author"):preload({ author = "posts" }, "tags"):find(2)
    assert.same({ 2, 1 }, { #one.author.posts, #one.tags })
    assert.equal("Ada", b.post:joined("author"):order("id"):limit(1):all()[1].author.name)
    assert.equal("Bob", b.post:joined("author"):where { title = "c" }:first().author.name)
    local comments = b.comment:joined({ post = "author" }):order("id"):limit(2):all()
    assert.same({ "Ada", "Ada" }, { comments[1].post.author.name, comments[2].post.author.name })
    assert.equal('[{"title":"a","author":{"id":1,"name":"Ada"}}]', json(b.post:select("title", "user_id"):joined("author")
      :where { id = 1 }:all()):gsub('"user_id":1,', ""))
  end)

  it("leaves out what was deleted", function()
    b.db:exec "update comments set deleted_at = now() where body = 'c9'"
    finally(function() b.db:exec "update comments set deleted_at = null" end)
    local posts = post:joined("last_comment"):all()
    assert.same({ "c7", "c6" }, { posts[1].last_comment.body, posts[3].last_comment.body })
  end)

  it("is for one row of each", function()
    says("joined is for relations of one row, and posts.comments is has_many: preload it", function() b.post:joined "comments" end)
    says("images.owner is polymorphic: preload it", function() b.image:joined "owner" end)
    says("posts has no relation 'autor': did you mean 'author'?", function() b.post:joined "autor" end)
    says("joined takes names", function() b.post:joined({ author = b.user }) end)
    says("joined is said once", function() b.post:joined("author"):joined("cover") end)
    says("select before joined", function() b.post:joined("author"):select("title"):all() end)
  end)
end)
