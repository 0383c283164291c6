--- What a row's list of a relation can do beside being a list.
local blog = require "spec.rille.model.blog"
local rille = require "rille"
local statements = require "rille.test.statements"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(type(why) == "table" and why.message or why), 1, true)
end

describe("a row's list", function()
  local b, stop, one

  setup(function() b, stop = blog.start() end)
  teardown(function() stop() end)
  before_each(function() one = b.post:find(1) end)

  it("is a query for its rows", function()
    assert.equal(1, one.comments:where("stars > ?", 4):count())
    assert.equal("c4", one.comments:where { stars = 4 }:first().body)
    assert.equal(0, one.comments:where { post_id = 2 }:or_where { post_id = 3 }:count())
    assert.same({ 2, 1 }, { one.tags:count(), one.tags:where { name = "y" }:count() })
    assert.equal("Bob", one.commenters:reorder("-id"):all()[1].name)
    assert.equal(2, #one.best:all())
    assert.equal(3, #one.comments:query():all())
    local comment = one.comments[1]
    assert.equal("a", comment:query("post"):first().title)
    assert.equal("p1", b.image:find_by("path", "p1"):query("owner"):preload("cover"):first().cover.path)
  end)

  it("is not loaded to be asked", function()
    assert.equal(1, #statements.during(function() assert.equal(3, one:query("comments"):count()) end))
    says("posts has no relation 'coments': did you mean 'comments'?", function() one:query "coments" end)
    says("posts.author goes by user_id, which is NULL in this row", function() b.post:find(4):query "author" end)
  end)

  it("makes rows that belong to its own", function()
    local made = one.comments:create { body = "new", post_id = 77 }
    finally(function() b.db:exec("delete from comments where body = 'new'") end)
    assert.same({ 1, "new" }, { made.post_id, one.comments[4].body })
    assert.equal(4, one.comments:count())
    assert.equal(1, #statements.during(function()
      for _, comment in ipairs(one.comments) do
        assert.equal("a", comment.post.title)
      end
    end))
    local other = b.post:find(4)
    assert.equal(0, #other.comments)
    other.comments:create { body = "new" }
    assert.equal('["new"]', rille.json.encode(other.comments:pluck "body"))
    says("posts.commenters goes through comments: create it there", function() one.commenters:create { name = "x" } end)
  end)

  it("links and unlinks rows of the other side", function()
    local z = b.tag:find(3)
    one.tags:add(z)
    one.tags:add(z)
    assert.same({ 3, 3 }, { #one.tags, one.tags:count() })
    assert.is_true(one.tags:remove(z))
    assert.is_false(one.tags:remove(z))
    assert.same({ 2, 2 }, { #one.tags, one.tags:count() })
    local made = one.tags:create { id = 9, name = "nine" }
    assert.equal("a", made.posts[1].title)
    assert.is_true(one.tags:remove(made))
    assert.equal("nine", b.tag:find(9).name)
    says("posts.tags takes a row of tags", function() one.tags:add(one) end)
    says("add is for many_to_many, and posts.comments is has_many", function() one.comments:add(z) end)
  end)

  it("keeps what was counted of it", function()
    finally(function() b.db:exec "delete from comments where body = 'new'" end)
    local posts = b.post:order("id"):preload_count("comments"):all()
    assert.equal(3, one.comments_count)
    posts[1].comments:create { body = "new" }
    one.comments:create { body = "new" }
    assert.same({ 4, 4, 3 }, { posts[1].comments_count, one.comments_count, posts[2].comments_count })
    assert.matches('"comments_count":4', rille.json.encode(posts[1]), 1, true)
    assert.equal(2, one.tags_count)
    one.tags:add(b.tag:find(2)) -- linked already
    assert.equal(2, one.tags_count)
    one.tags:remove(b.tag:find(2))
    assert.equal(1, one.tags_count)
    one.tags:add(b.tag:find(2))
    assert.equal(2, one.tags_count)
  end)

  it("forgets what it cannot count without asking", function()
    finally(function() b.db:exec "delete from comments where body = 'new'" end)
    local bright = b.comment:where("stars > 2")
    local posts = b.post:order("id"):preload_sum("comments", "stars"):preload_count("comments", bright, "bright"):all()
    assert.same({ 12, 2 }, { posts[1].comments_sum_stars, posts[1].bright })
    assert.equal(1, posts[1].starred_count)
    posts[1].comments:create { body = "new", stars = 10 }
    posts[1].starred:create { body = "new", stars = 1 }
    assert.is_nil(rille.json.encode(posts[1]):find("sum_stars", 1, true))
    assert.matches('"comments_sum_stars":15', rille.json.encode(posts[2]), 1, true)
    assert.equal(3, #statements.during(function()
      assert.same({ 23, 3, 2 }, { posts[1].comments_sum_stars, posts[1].bright, posts[1].starred_count })
      assert.same({ 15, 2 }, { posts[2].comments_sum_stars, posts[2].bright })
    end))
  end)

  it("fills in what a polymorphic relation goes by", function()
    local user = rille.model("users", { db = b.db, has_many = { images = { function() return b.shot end, as = "owner" } } })
    b.shot = rille.model("images", { db = b.db, belongs_to = { owner = { polymorphic = { user = user, post = b.post } } } })
    local made = user:find(3).images:create { path = "new" }
    assert.same({ "user", 3, "Cyd" }, { made.owner_type, made.owner_id, made.owner.name })
  end)

  it("says what it does not have", function()
    says("a list of posts.comments has no 'wher': did you mean 'where'?", function() one.comments:wher {} end)
    local lone = b.post:where { id = 4 }:select("user_id"):all()[1]
    says("which was not selected", function() return lone.comments end)
    assert.is_nil(one.comments[99])
  end)
end)
